/** An equity curve the size of a word. */

import { svg } from "./element.js"
import { tone } from "./format.js"

const WIDTH = 120
const HEIGHT = 28
const EDGE = 2

/** @param {number[]} values @param {number} start the level of the line at the back, such as the initial cash */
export function sparkLine(values, start) {
  const all = [...values, start]
  const [low, high] = [Math.min(...all), Math.max(...all)]
  const height = (/** @type {number} */ value) => (high > low ? (value - low) / (high - low) : 0.5)
  const y = (/** @type {number} */ value) => (HEIGHT - EDGE - height(value) * (HEIGHT - 2 * EDGE)).toFixed(1)
  const x = (/** @type {number} */ i) => (EDGE + (i / Math.max(1, values.length - 1)) * (WIDTH - 2 * EDGE)).toFixed(1)
  const points = values.map((value, i) => `${x(i)},${y(value)}`).join(" ")
  return svg("svg", { class: `spark ${tone((values.at(-1) ?? start) - start)}`, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, "aria-hidden": "true" },
    svg("line", { x1: EDGE, x2: WIDTH - EDGE, y1: y(start), y2: y(start) }),
    svg("polyline", { points }))
}
