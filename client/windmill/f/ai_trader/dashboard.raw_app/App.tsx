import React, { useCallback, useEffect, useState } from 'react'
import { backend } from './wmill'
import Curve, { Point } from './Curve'

type Entry = { rank: number; model: string; portfolio_value: number; cumulative_return_pct: number; date: string }

export default function App() {
  const [experiment, setExperiment] = useState('default')
  const [config, setConfig] = useState('daily.json')
  const [entries, setEntries] = useState<Entry[]>([])
  const [model, setModel] = useState('')
  const [points, setPoints] = useState<Point[]>([])
  const [told, setTold] = useState('')

  const attempt = useCallback(async (what: string, work: () => Promise<unknown>) => {
    setTold(`${what} …`)
    try {
      await work()
      setTold('')
    } catch (error) {
      setTold(`${what}: ${error instanceof Error ? error.message : JSON.stringify(error)}`)
    }
  }, [])

  const load = useCallback(
    () => attempt('Leaderboard', async () => setEntries((await backend.leaderboard({ experiment })).leaderboard)),
    [attempt, experiment]
  )
  const show = (name: string) =>
    attempt(name, async () => {
      setPoints(await backend.timeseries({ model: name, experiment }))
      setModel(name)
    })
  const run = () =>
    attempt('Simulation', async () => {
      await backend.run({ config_path: config, experiment, conflict_policy: 'queue' })
      await load()
    })

  useEffect(() => void load(), [load])

  return (
    <main>
      <h1>AI-Trader</h1>
      <label>Experiment <input value={experiment} onChange={(event) => setExperiment(event.target.value)} /></label>
      <label>Config <input value={config} onChange={(event) => setConfig(event.target.value)} /></label>
      <button onClick={load}>Refresh</button> <button onClick={run}>Run</button>
      <p role="status">{told}</p>
      <table>
        <thead><tr><th>Rank</th><th>Model</th><th>Value</th><th>Return %</th><th>Date</th></tr></thead>
        <tbody>
          {entries.map((entry) => (
            <tr key={entry.model}>
              <td>{entry.rank}</td>
              <td><button onClick={() => show(entry.model)}>{entry.model}</button></td>
              <td>{entry.portfolio_value.toFixed(2)}</td>
              <td>{entry.cumulative_return_pct.toFixed(2)}</td>
              <td>{entry.date}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {points.length > 1 && <Curve name={model} points={points} />}
    </main>
  )
}
