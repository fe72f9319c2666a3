/** One job: how far it is, its model-days as a grid, what happened last, and what one can do about it. */

import { get } from "../api.js"
import { h } from "../element.js"
import { count, dollars, duration, moment, sentence } from "../format.js"
import { follow } from "../job-stream.js"
import { actions } from "../job-actions.js"
import { modelDayGrid } from "../model-day-grid.js"
import { card, facts, status } from "../parts.js"
import { progress } from "../progress.js"
import { span } from "./jobs.js"

/** Model-days in a grid; more come in pages. */
const CELLS = 3000
/** Events in the feed. */
const FEED = 50
const FINAL = new Set(["completed", "partial", "failed", "cancelled"])

/** @type {import("../pages.js").Page} */
export async function job(query, signal) {
  const id = query.get("id") ?? ""
  const path = `/simulate/status/${encodeURIComponent(id)}`
  let state = await get(path, { page_size: CELLS }, signal)
  const summary = h("div", { class: "job-summary" })
  const feed = h("ol", { class: "feed", tabindex: "0", "aria-label": "Events" }, h("li", { class: "hint" }, "No event is told yet, or they are no longer kept."))
  const grid = modelDayGrid(state, (token) => get(path, { page_size: CELLS, page_token: token }, signal))
  const draw = () => summary.replaceChildren(overview(state), actions(state, restart))

  /** @param {import("../job-stream.js").JobEvent} event */
  function happened(event) {
    told(event)
    state.status = event.status
    Object.assign(state.progress, { completed: event.completed, failed: event.failed })
    grid.update(event)
    draw()
    if (event.type === "job_started" && event.total_model_days !== state.progress.total_model_days) refresh()
  }

  /** @param {import("../job-stream.js").JobEvent} event */
  function told(event) {
    if (feed.firstElementChild?.className === "hint") feed.replaceChildren()
    feed.prepend(line(event))
    while (feed.childElementCount > FEED) feed.lastElementChild?.remove()
  }

  /** Ask for the whole state anew: a job that waited, for its turn or for prices, is planned anew when it starts. */
  async function refresh() {
    state = await get(path, { page_size: CELLS }, signal)
    grid.show(state)
    draw()
  }

  /** Do so, and follow the job when it is under way. */
  async function restart() {
    await refresh()
    watch()
  }

  function watch() {
    if (FINAL.has(state.status)) return
    follow(id, state.last_sequence, signal, { onEvent: happened, onEnd: restart })
  }

  draw()
  watch()
  // what happened last of a job that has ended, as far as it is still kept
  if (FINAL.has(state.status)) follow(id, Math.max(0, state.last_sequence - FEED), signal, { onEvent: told, once: true })
  return h("div", {}, h("h1", { class: "id" }, `Job ${id}`), summary, card("Model-days", grid.node), card("Events", feed))
}

/** @param {any} state */
function overview(state) {
  return h("div", {},
    h("p", { class: "line" }, status(state.status), progress(state.progress)),
    facts([
      ["Experiment", state.experiment],
      ["Config", state.config_path],
      ["Models", count(state.models.length)],
      ["Dates", span(state.date_range)],
      ["Created", moment(state.created_at)],
      ["Took", duration(state.total_duration_seconds)],
      ["Failed", count(state.progress.failed), state.progress.failed ? "loss" : ""],
      state.spending && state.spending.sessions ? ["Cost", `${dollars(state.spending.cost_usd)} · ${count(state.spending.input_tokens + state.spending.output_tokens)} tokens`] : null,
      state.budget?.job?.max_usd ? ["Budget", dollars(state.budget.job.max_usd)] : null,
    ]),
    state.error && h("p", { class: "problem" }, state.error),
    state.warnings.length > 0 && h("ul", { class: "warnings" }, state.warnings.map((/** @type {string} */ text) => h("li", {}, text))))
}

/** @param {import("../job-stream.js").JobEvent} event */
function line(event) {
  const about = [event.date, event.model].filter(Boolean).join(" · ")
  const told = [
    event.portfolio_value !== null && dollars(event.portfolio_value),
    event.fills !== null && `${count(event.fills)} fills`,
    event.duration_seconds !== null && duration(event.duration_seconds),
    event.error,
  ].filter(Boolean)
  return h("li", {}, h("time", {}, moment(event.event_at).slice(11)), h("span", { class: "what" }, sentence(event.type)), h("span", {}, about), h("span", { class: "told" }, told.join(" · ")))
}
