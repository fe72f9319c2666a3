/** Who leads: the portfolios of an experiment with their figures. */

import { address, remember } from "../address.js"
import { find } from "../api.js"
import { benchmarkField } from "../benchmark.js"
import { h } from "../element.js"
import { experimentOf } from "../experiment.js"
import { change, count, dollars, percent, ratio, tone } from "../format.js"
import { empty, facts } from "../parts.js"
import { sparkLine } from "../spark-line.js"
import { sortableTable } from "../table.js"
import { repeat } from "../timer.js"

/** Values of a spark line. */
const POINTS = 60
const MOST = 200
const AGAIN = 15_000

/**
 * @typedef {object} Metrics
 * @property {number | null} sharpe_ratio
 * @property {number | null} max_drawdown_pct
 * @property {number | null} annual_volatility_pct
 * @property {number | null} win_rate_pct
 */

/**
 * @typedef {object} Entry
 * @property {number} rank
 * @property {string} model
 * @property {number} portfolio_value
 * @property {number} cumulative_profit
 * @property {number} cumulative_return_pct
 * @property {string} date
 * @property {number} initial_cash
 * @property {number} trading_days
 * @property {number[]} curve
 * @property {string[]} curve_dates
 * @property {Metrics | null} metrics
 */

/** @type {import("../pages.js").Page} */
export async function leaderboard(query, signal) {
  const experiment = experimentOf(query)
  const benchmark = benchmarkField(query)
  const load = () => find("/leaderboard", { experiment, curve_points: POINTS, with_metrics: true, page_size: MOST, benchmark: benchmark.symbol }, signal)
  const board = experiment ? await load() : null
  if (!board) return h("div", {}, h("h1", {}, "Leaderboard"), benchmark.symbol ? benchmark.node : null, nothing(experiment, benchmark.symbol))

  const sort = { key: query.get("sort") ?? "rank", up: query.get("order") !== "down" }
  const { node, show } = sortableTable("Leaderboard", columns(experiment), sort, ({ key, up }) => remember({ sort: key, order: up ? "up" : "down" }))
  const summary = h("div")
  const draw = (/** @type {any} */ found) => {
    summary.replaceChildren(overview(found.leaderboard, found.next_page_token))
    show(found.leaderboard, found.benchmark ? [found.benchmark] : [])
  }
  draw(board)
  let shown = JSON.stringify(board)
  repeat(AGAIN, signal, async () => {
    const found = await load()
    const text = JSON.stringify(found)
    if (found && text !== shown) draw(found)
    shown = text
  })
  return h("div", {}, h("div", { class: "heading" }, h("h1", {}, "Leaderboard"), benchmark.node), summary, node)
}

/** @param {string | null} experiment @param {string} benchmark */
function nothing(experiment, benchmark) {
  if (!experiment) return empty("No job has run yet. Start one with ", h("code", {}, "ai-trader trigger demo.json"), "; it appears under Jobs by itself.")
  return empty(benchmark ? `Nothing to rank in '${experiment}', or no prices of '${benchmark}' from its first day on.` : `No model of '${experiment}' has completed a trading day yet.`)
}

/** @param {Entry[]} entries @param {string | null} more */
function overview(entries, more) {
  const returns = entries.map((entry) => entry.cumulative_return_pct).sort((a, b) => a - b)
  const median = (returns[Math.floor((returns.length - 1) / 2)] + returns[Math.ceil((returns.length - 1) / 2)]) / 2
  return facts([
    ["Leader", entries[0].model],
    ["Models", more ? `first ${count(entries.length)}` : count(entries.length)],
    ["Best return", percent(returns.at(-1)), tone(returns.at(-1))],
    ["Median return", percent(median), tone(median)],
    ["As of", entries.reduce((last, entry) => (entry.date > last ? entry.date : last), "")],
  ])
}

/** @param {string | null} experiment @returns {import("../table.js").Column<Entry>[]} */
function columns(experiment) {
  const link = (/** @type {Entry} */ entry) => h("a", { href: address("model", { model: entry.model, experiment }) }, entry.model)
  return [
    { key: "rank", title: "#", hint: "Rank by value", kind: "number", up: true, value: (e) => e.rank, cell: (e) => e.rank || "–" },
    { key: "model", title: "Model", kind: "name", up: true, value: (e) => e.model, cell: (e) => (e.rank ? link(e) : h("span", {}, e.model, " ", h("small", {}, "benchmark"))) },
    { key: "curve", title: "Curve", kind: "text", cell: (e) => sparkLine(e.curve, e.initial_cash) },
    { key: "value", title: "Value", kind: "number", value: (e) => e.portfolio_value, cell: (e) => dollars(e.portfolio_value) },
    { key: "return", title: "Return", kind: "number", tone: (e) => tone(e.cumulative_return_pct), value: (e) => e.cumulative_return_pct, cell: (e) => percent(e.cumulative_return_pct) },
    { key: "profit", title: "Profit", kind: "number", tone: (e) => tone(e.cumulative_profit), value: (e) => e.cumulative_profit, cell: (e) => change(e.cumulative_profit) },
    { key: "sharpe", title: "Sharpe", hint: "Annual, risk-free rate 0", kind: "number", value: (e) => e.metrics?.sharpe_ratio, cell: (e) => ratio(e.metrics?.sharpe_ratio) },
    { key: "drawdown", title: "Drawdown", hint: "Largest fall from a peak", kind: "number", value: (e) => e.metrics?.max_drawdown_pct, cell: (e) => percent(e.metrics?.max_drawdown_pct) },
    { key: "volatility", title: "Volatility", hint: "Annual", kind: "number", up: true, value: (e) => e.metrics?.annual_volatility_pct, cell: (e) => unsigned(e.metrics?.annual_volatility_pct) },
    { key: "wins", title: "Win rate", hint: "Days that gained", kind: "number", value: (e) => e.metrics?.win_rate_pct, cell: (e) => unsigned(e.metrics?.win_rate_pct) },
    { key: "days", title: "Days", hint: "Trading days", kind: "number", value: (e) => e.trading_days, cell: (e) => count(e.trading_days) },
    { key: "date", title: "Last day", kind: "text", value: (e) => e.date, cell: (e) => e.date },
  ]
}

/** A percentage that has no direction. @param {number | null | undefined} value */
function unsigned(value) {
  return percent(value).replace("+", "")
}
