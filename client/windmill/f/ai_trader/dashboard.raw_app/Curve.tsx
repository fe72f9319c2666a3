import React from 'react'

export type Point = { date: string; portfolio_value: number }

/** The value of one portfolio over its dates. */
export default function Curve({ name, points }: { name: string; points: Point[] }) {
  const values = points.map((point) => point.portfolio_value)
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const path = values
    .map((value, i) => `${(i / (values.length - 1)) * 800},${200 - ((value - low) / (high - low || 1)) * 200}`)
    .join(' ')
  return (
    <figure>
      <svg viewBox="0 0 800 200" role="img" aria-label={`Value of ${name}`}>
        <polyline points={path} fill="none" stroke="currentColor" strokeWidth="2" />
      </svg>
      <figcaption>
        {name}: {points[0].date} to {points[points.length - 1].date}, {low.toFixed(2)} to {high.toFixed(2)}
      </figcaption>
    </figure>
  )
}
