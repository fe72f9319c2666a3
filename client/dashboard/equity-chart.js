/** Equity curves with zoom, linear and log scales, and the values of every model at the date under the cursor. */

import { h } from "./element.js"
import { curveTable } from "./curve-table.js"
import { dollars } from "./format.js"
import { legend } from "./legend.js"
import { colour, changes } from "./theme.js"
import uPlot from "./vendor/uplot/uPlot.esm.js"

/** @typedef {import("./pages/leaderboard.js").Entry} Entry */
/** @typedef {import("./legend.js").Line} Line */

/** Curves that have a colour from the start; the others stay grey until they are chosen. */
const SHOWN = 5
const COLOURS = 8
const HEIGHT = 420

/** Trading days of the ranges one can choose. */
const RANGES = { "1M": 21, "3M": 63, "1Y": 252, All: Infinity }

/**
 * A drawing with its controls.
 * @param {Entry[]} entries best first
 * @param {Entry | null} benchmark
 * @param {AbortSignal} signal
 * @param {string | null} [chosen] the one model that is emphasized from the start, instead of the leaders
 */
export function equityChart(entries, benchmark, signal, chosen = null) {
  const table = curveTable(benchmark ? [...entries, benchmark] : entries)
  /** @type {Line[]} */
  const lines = table.names.map((name, i) => ({ name, isBenchmark: i === entries.length, chosen: i === entries.length || (chosen ? name === chosen : i < SHOWN), colour: "" }))
  const seconds = table.dates.map((date) => Date.parse(date) / 1000)
  const plotPlace = h("div", { class: "plot", tabindex: "0", role: "group", "aria-label": "Equity curves. Arrow keys move through the dates, plus and minus zoom." })
  const list = legend(lines, () => draw())
  const said = h("p", { class: "visually-hidden", "aria-live": "polite" })
  let log = false
  /** @type {uPlot} */ let plot

  /** Draw anew; only a change of scale, colours or choice needs it. */
  function draw() {
    const range = plot && { min: plot.scales.x.min, max: plot.scales.x.max }
    plot?.destroy()
    paint(lines)
    list.paint()
    const above = lines.map((_, i) => i).sort((a, b) => Number(lines[a].chosen) - Number(lines[b].chosen))
    plot = new uPlot(options(above.map((i) => lines[i])), [seconds, ...above.map((i) => (log ? table.values[i].map(positive) : table.values[i]))], plotPlace)
    if (range) plot.setScale("x", range)
    read(null)
  }

  /** Tell the values of a date; null is the last one. @param {number | null} place */
  function read(place) {
    const at = place ?? seconds.length - 1
    list.read(table.dates[at], table.values.map((values) => values[at]))
  }

  /** @param {Line[]} drawn the chosen ones last, above the others */
  function options(drawn) {
    const axis = { stroke: () => colour("muted"), grid: { stroke: () => colour("line"), width: 1 }, ticks: { stroke: () => colour("line"), width: 1 }, font: "12px system-ui, sans-serif" }
    return {
      width: plotPlace.clientWidth || 600,
      height: HEIGHT,
      tzDate: (/** @type {number} */ time) => uPlot.tzDate(new Date(time * 1000), "Etc/UTC"),
      legend: { show: false },
      cursor: { drag: { x: true, y: false }, points: { size: 7 }, y: false },
      scales: { x: { time: true }, y: { distr: log ? 3 : 1, range: margins } },
      axes: [{ ...axis, values: "{YYYY}-{MM}-{DD}", space: 90 }, { ...axis, size: 76, splits: steps, filter: (/** @type {uPlot} */ _, /** @type {number[]} */ splits) => splits, values: (/** @type {uPlot} */ _, /** @type {number[]} */ splits) => splits.map((value) => dollars(value).replace(/\.00$/, "")) }],
      series: [{}, ...drawn.map(stroke)],
      hooks: { setCursor: [(/** @type {uPlot} */ self) => read(self.cursor.left !== undefined && self.cursor.left >= 0 ? (self.cursor.idx ?? null) : null)] },
    }
  }

  /** Show the last trading days. @param {number} days */
  function zoom(days) {
    plot.setScale("x", { min: seconds[Math.max(0, seconds.length - days)], max: seconds.at(-1) })
  }

  /** @param {KeyboardEvent} event */
  function press(event) {
    const { min, max } = plot.scales.x
    const [first, last] = [seconds.findIndex((time) => time >= min), seconds.findLastIndex((time) => time <= max)]
    const at = plot.cursor.idx ?? last
    /** @type {Record<string, () => void>} */
    const keys = {
      ArrowLeft: () => point(Math.max(first, at - 1)),
      ArrowRight: () => point(Math.min(last, at + 1)),
      Home: () => point(first),
      End: () => point(last),
      "+": () => plot.setScale("x", { min: min + (max - min) / 4, max: max - (max - min) / 4 }),
      "-": () => plot.setScale("x", { min: Math.max(seconds[0], min - (max - min) / 2), max: Math.min(seconds.at(-1) ?? 0, max + (max - min) / 2) }),
      Escape: () => zoom(Infinity),
    }
    if (!keys[event.key]) return
    event.preventDefault()
    keys[event.key]()
  }

  /** Put the cursor on a date, and say the values of the chosen models. @param {number} place */
  function point(place) {
    plot.setCursor({ left: plot.valToPos(seconds[place], "x"), top: 10 })
    const values = lines.map((line, i) => line.chosen && `${line.name} ${dollars(table.values[i][place])}`).filter(Boolean)
    said.textContent = `${table.dates[place]}: ${values.join(", ")}`
  }

  plotPlace.addEventListener("keydown", press)
  changes.addEventListener("change", () => draw(), { signal })
  const observer = new ResizeObserver(() => (plot ? plot.setSize({ width: plotPlace.clientWidth, height: HEIGHT }) : draw()))
  observer.observe(plotPlace)
  signal.addEventListener("abort", () => (observer.disconnect(), plot?.destroy()))

  const scale = h("button", { type: "button", "aria-pressed": "false", onclick: () => ((log = !log), scale.setAttribute("aria-pressed", String(log)), draw()) }, "Log scale")
  const ranges = Object.entries(RANGES).map(([name, days]) => h("button", { type: "button", onclick: () => zoom(days) }, name))
  return h("section", { class: "card chart" },
    h("div", { class: "controls" }, h("div", { class: "group", role: "group", "aria-label": "Range" }, ranges), scale, h("span", { class: "hint" }, "Drag to zoom, double-click for all")),
    h("div", { class: "chart-body" }, plotPlace, list.node), said)
}

/** Give the chosen lines their colours, by their order. @param {Line[]} lines */
function paint(lines) {
  let next = 0
  for (const line of lines) line.colour = line.isBenchmark ? colour("text") : line.chosen ? colour(`curve-${(next++ % COLOURS) + 1}`) : colour("curve-other")
}

/** What a log scale can show. @param {number | null} value */
function positive(value) {
  return value !== null && value > 0 ? value : null
}

/** @param {Line} line */
function stroke(line) {
  return { stroke: line.colour, width: line.chosen ? 2 : 1, dash: line.isBenchmark ? [6, 4] : undefined, spanGaps: true, points: { show: false } }
}

/** The values with some room around. @param {unknown} _ @param {number | null} low @param {number | null} high @returns {[number, number]} */
function margins(_, low, high) {
  if (low === null || high === null) return [0, 1]
  const room = (high - low) * 0.05 || Math.abs(high) * 0.01 || 1
  return [low > 0 ? Math.max(low - room, low * 0.9) : low - room, high + room]
}

/** Round values for an axis, also of a log scale. @param {unknown} _ @param {number} __ @param {number} low @param {number} high */
function steps(_, __, low, high) {
  const rough = (high - low) / 6
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = ([1, 2, 2.5, 5].find((factor) => factor * power >= rough) ?? 10) * power
  const found = []
  for (let value = Math.ceil(low / step) * step; value <= high; value += step) found.push(value)
  return found
}
