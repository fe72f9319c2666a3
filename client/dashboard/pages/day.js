/** One model-day: what the model held, traded and was refused, and what it thought, step by step. */

import { address } from "../address.js"
import { find, get } from "../api.js"
import { h } from "../element.js"
import { change, count, dollars, percent, sentence, short, tone } from "../format.js"
import { card, empty, facts, status } from "../parts.js"
import { sessionCard } from "../session.js"
import { table } from "../table.js"

const CELLS = 10_000

/** @type {import("../pages.js").Page} */
export async function day(query, signal) {
  const [date, model, experiment] = ["date", "model", "experiment"].map((name) => query.get(name) ?? "")
  const found = await find("/results", { date, model, experiment, job_id: query.get("job"), detail: "full" }, signal)
  const result = found?.results[0] ?? null
  const jobId = query.get("job") ?? result?.job_id
  const hasSession = result ? result.ai_reasoning !== null : true
  const reasoning = jobId && hasSession ? await find("/reasoning", { job_id: jobId, date, model }, signal) : null
  const state = result || !jobId ? null : await stateOf(jobId, date, model, signal)
  return h("div", {}, heading(date, model, result?.experiment ?? experiment, jobId), result ? outcome(result) : absent(state),
    reasoning ? sessionCard(reasoning, { job_id: jobId, date, model }, signal) : result && card("Reasoning", empty("No session was recorded: this model is a rule, or its day was replayed.")))
}

/** @param {string} date @param {string} model @param {string} experiment @param {string | null} jobId */
function heading(date, model, experiment, jobId) {
  return h("div", { class: "heading" }, h("h1", {}, `${model} on ${date}`),
    h("p", { class: "trail" }, h("a", { href: address("model", { model, experiment }) }, "All its days"), jobId && h("a", { href: address("job", { id: jobId }) }, `Job ${short(jobId)}`)))
}

/** The state of a model-day that has no result. @param {string} jobId @param {string} date @param {string} model @param {AbortSignal} signal */
async function stateOf(jobId, date, model, signal) {
  for (let token = ""; ; ) {
    const page = await get(`/simulate/status/${encodeURIComponent(jobId)}`, { page_size: CELLS, page_token: token }, signal)
    const found = page.progress.details.find((/** @type {any} */ one) => one.date === date && one.model === model)
    token = page.next_page_token
    if (found || !token) return found ?? null
  }
}

/** @param {any} state */
function absent(state) {
  if (!state) return empty("Nothing was committed for this model-day.")
  return h("section", { class: "card" }, h("p", { class: "line" }, status(state.status), state.attempt > 0 && h("span", {}, `attempt ${state.attempt}`)),
    state.error ? h("p", { class: "problem" }, state.error) : empty("Nothing was committed for this model-day."),
    state.attempts.length > 0 && table("Attempts", ATTEMPTS, state.attempts))
}

/** @type {import("../table.js").Column<any>[]} */
const ATTEMPTS = [
  { key: "number", title: "Attempt", kind: "number", cell: (one) => one.number },
  { key: "outcome", title: "Outcome", kind: "text", cell: (one) => sentence(one.outcome) },
  { key: "kind", title: "Error", kind: "text", cell: (one) => sentence(one.error_kind) },
  { key: "message", title: "Message", kind: "text", cell: (one) => one.message },
]

/** @param {any} result */
function outcome(result) {
  const { daily_pnl: daily, cumulative_pnl: whole } = result
  return h("div", {},
    facts([
      ["Value at close", dollars(daily.portfolio_value)],
      ["Day", `${change(daily.profit)} (${percent(daily.return_pct)})`, tone(daily.profit)],
      ["Since the start", `${change(whole.profit)} (${percent(whole.return_pct)})`, tone(whole.profit)],
      ["Cash", dollars(result.positions.CASH)],
      ["Trades", count(result.trades.length)],
      ["Rejections", count(result.rejections.length), result.rejections.length ? "loss" : ""],
    ]),
    h("div", { class: "columns" }, card("Positions at the end", positions(result.positions)), card("Trades", result.trades.length ? table("Trades", TRADES, result.trades) : empty("No trade on this day."))),
    result.corporate_actions.length > 0 && card("Corporate actions", table("Corporate actions", EFFECTS, result.corporate_actions)),
    result.rejections.length > 0 && card("Rejections", table("Rejections", REJECTIONS, result.rejections)),
    card("After each action", table("After each action", HISTORY, result.position_history)))
}

/** @param {Record<string, number>} held */
function positions(held) {
  const { CASH, ...shares } = held
  const rows = Object.entries(shares).filter(([, quantity]) => quantity)
  return table("Positions", HOLDINGS, [...rows.map(([symbol, quantity]) => [symbol, count(quantity)]), ["Cash", dollars(CASH)]])
}

/** @type {import("../table.js").Column<string[]>[]} */
const HOLDINGS = [
  { key: "symbol", title: "Symbol", kind: "name", cell: ([symbol]) => symbol },
  { key: "quantity", title: "Shares", kind: "number", cell: ([, quantity]) => quantity },
]

/** @type {import("../table.js").Column<any>[]} */
const TRADES = [
  { key: "id", title: "#", kind: "number", cell: (trade) => trade.id },
  { key: "action", title: "Action", kind: "text", cell: (trade) => sentence(trade.action) },
  { key: "symbol", title: "Symbol", kind: "text", cell: (trade) => trade.symbol },
  { key: "amount", title: "Shares", kind: "number", cell: (trade) => count(trade.amount) },
  { key: "price", title: "Price", kind: "number", cell: (trade) => dollars(trade.price) },
  { key: "total", title: "Total", kind: "number", cell: (trade) => dollars(trade.total) },
]

/** @type {import("../table.js").Column<any>[]} */
const EFFECTS = [
  { key: "id", title: "#", kind: "number", cell: (effect) => effect.id },
  { key: "action", title: "Action", kind: "text", cell: (effect) => sentence(effect.action) },
  { key: "symbol", title: "Symbol", kind: "text", cell: (effect) => effect.symbol },
  { key: "shares", title: "Shares", hint: "That came or went by a split, or that a dividend was paid on", kind: "number", cell: (effect) => count(effect.shares) },
  { key: "price", title: "Price", hint: "Dollars per share: the dividend, or what a fraction was paid", kind: "number", cell: (effect) => dollars(effect.price) },
  { key: "cash", title: "Cash", kind: "number", cell: (effect) => dollars(effect.cash) },
]

/** @type {import("../table.js").Column<any>[]} */
const REJECTIONS = [
  { key: "after", title: "After action", kind: "number", cell: (one) => one.after_action_id },
  { key: "action", title: "Action", kind: "text", cell: (one) => sentence(one.action) },
  { key: "symbol", title: "Symbol", kind: "text", cell: (one) => one.symbol },
  { key: "amount", title: "Asked", kind: "number", cell: (one) => one.amount },
  { key: "reason", title: "Reason", kind: "text", cell: (one) => sentence(one.reason) },
  { key: "message", title: "Message", kind: "text", cell: (one) => one.message },
]

/** @type {import("../table.js").Column<any>[]} */
const HISTORY = [
  { key: "action", title: "#", kind: "number", cell: (one) => one.action_id },
  { key: "what", title: "Action", kind: "text", cell: (one) => (one.action_id ? `${sentence(one.action)} ${count(one.amount)} ${one.symbol ?? ""}` : "Opening") },
  { key: "price", title: "Price", kind: "number", cell: (one) => dollars(one.price) },
  { key: "cash", title: "Cash", kind: "number", cell: (one) => dollars(one.cash) },
  { key: "value", title: "Value", kind: "number", cell: (one) => dollars(one.portfolio_value) },
  { key: "profit", title: "Profit of the day", kind: "number", tone: (one) => tone(one.daily_profit), cell: (one) => change(one.daily_profit) },
  { key: "holdings", title: "Holdings", kind: "text", cell: (one) => Object.entries(one.holdings).map(([symbol, quantity]) => `${symbol} ${quantity}`).join(", ") || "none" },
]
