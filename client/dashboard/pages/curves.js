/** The equity curves of all models of an experiment in one drawing. */

import { find } from "../api.js"
import { benchmarkField } from "../benchmark.js"
import { h } from "../element.js"
import { equityChart } from "../equity-chart.js"
import { experimentOf } from "../experiment.js"
import { empty } from "../parts.js"

/** Values of a curve; the most the service gives. */
const POINTS = 500
const MOST = 200

/** @type {import("../pages.js").Page} */
export async function curves(query, signal) {
  const experiment = experimentOf(query)
  const benchmark = benchmarkField(query)
  const heading = h("div", { class: "heading" }, h("h1", {}, "Equity curves"), benchmark.node)
  const board = experiment && (await find("/leaderboard", { experiment, curve_points: POINTS, page_size: MOST, benchmark: benchmark.symbol }, signal))
  if (!board) return h("div", {}, heading, empty("There is no curve to draw yet, or the benchmark has no prices for these dates."))
  return h("div", {}, heading, equityChart(board.leaderboard, board.benchmark, signal, query.get("model")))
}
