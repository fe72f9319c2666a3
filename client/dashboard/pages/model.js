/** One model in an experiment: its figures, its curve and its days. */

import { address } from "../address.js"
import { find } from "../api.js"
import { benchmarkField } from "../benchmark.js"
import { h } from "../element.js"
import { equityChart } from "../equity-chart.js"
import { experimentOf } from "../experiment.js"
import { change, count, dollars, percent, ratio, tone } from "../format.js"
import { card, empty, facts } from "../parts.js"
import { sortableTable } from "../table.js"

/** Trading days of the series that are asked for; years of them. */
const MOST = 10_000

/** @type {import("../pages.js").Page} */
export async function model(query, signal) {
  const [name, experiment] = [query.get("model") ?? "", experimentOf(query)]
  const benchmark = benchmarkField(query)
  const asked = { model: name, experiment }
  const [series, told] = await Promise.all([
    find("/portfolio/timeseries", { ...asked, page_size: MOST }, signal),
    find("/portfolio/metrics", { ...asked, benchmark: benchmark.symbol }, signal),
  ])
  const heading = h("div", { class: "heading" }, h("h1", {}, name), benchmark.node)
  if (!series) return h("div", {}, heading, empty(`'${name}' has no trading day in this experiment.`))
  const days = series.timeseries
  const { node, show } = sortableTable("Trading days", columns(name, experiment), { key: "date", up: false }, () => {})
  show(days)
  return h("div", {}, heading, told ? figures(told.metrics, days.at(-1)) : empty("The benchmark has no prices for these dates."),
    equityChart([entry(name, days)], null, signal), card("Trading days", node))
}

/** @param {string} name @param {any[]} days @returns {any} what the drawing takes */
function entry(name, days) {
  return { model: name, curve: days.map((day) => day.portfolio_value), curve_dates: days.map((day) => day.date) }
}

/** @param {any} metrics @param {any} last */
function figures(metrics, last) {
  const interval = metrics.sharpe_ratio_interval
  return facts([
    ["Value", dollars(last.portfolio_value)],
    ["Return", percent(last.cumulative_return_pct), tone(last.cumulative_return_pct)],
    ["Annual return", percent(metrics.annual_return_pct), tone(metrics.annual_return_pct)],
    ["Sharpe", interval ? `${ratio(metrics.sharpe_ratio)} (${ratio(interval.low)} to ${ratio(interval.high)})` : ratio(metrics.sharpe_ratio)],
    ["Sortino", ratio(metrics.sortino_ratio)],
    ["Drawdown", percent(metrics.max_drawdown_pct)],
    ["Best day", `${percent(metrics.best_day_pct)} · ${metrics.best_day_date}`],
    ["Worst day", `${percent(metrics.worst_day_pct)} · ${metrics.worst_day_date}`],
    ["Trading days", count(metrics.trading_days)],
    metrics.benchmark ? [`${metrics.benchmark} returned`, percent(metrics.benchmark_return_pct)] : null,
    metrics.benchmark ? ["Alpha · beta", `${percent(metrics.alpha_pct)} · ${ratio(metrics.beta)}`] : null,
  ])
}

/** @param {string} name @param {string | null} experiment @returns {import("../table.js").Column<any>[]} */
function columns(name, experiment) {
  return [
    { key: "date", title: "Date", kind: "name", value: (day) => day.date, cell: (day) => h("a", { href: address("day", { date: day.date, model: name, experiment }) }, day.date) },
    { key: "value", title: "Value", kind: "number", value: (day) => day.portfolio_value, cell: (day) => dollars(day.portfolio_value) },
    { key: "profit", title: "Profit", kind: "number", tone: (day) => tone(day.daily_profit), value: (day) => day.daily_profit, cell: (day) => change(day.daily_profit) },
    { key: "return", title: "Return", kind: "number", tone: (day) => tone(day.daily_return_pct), value: (day) => day.daily_return_pct, cell: (day) => percent(day.daily_return_pct) },
    { key: "total", title: "Since the start", kind: "number", tone: (day) => tone(day.cumulative_return_pct), value: (day) => day.cumulative_return_pct, cell: (day) => percent(day.cumulative_return_pct) },
    { key: "cash", title: "Cash", kind: "number", value: (day) => day.cash, cell: (day) => dollars(day.cash) },
  ]
}
