/** The model-days of a job, models by dates; each is a link, and arrow keys move between them. */

import { address } from "./address.js"
import { h } from "./element.js"
import { MARKS, empty, status } from "./parts.js"

/** Events by the status they give a model-day. @type {Record<string, string>} */
const STATUS_AFTER = {
  model_day_started: "running", model_day_completed: "completed", model_day_failed: "failed",
  model_day_retried: "pending", model_day_skipped: "skipped", model_day_cancelled: "cancelled",
}

/** @typedef {{date: string, model: string, status: string, attempt: number, error: string | null}} ModelDay */

/**
 * @param {any} first the state of a job with its first page of model-days
 * @param {(token: string) => Promise<any>} load gives the state with another page
 */
export function modelDayGrid(first, load) {
  const place = h("div")
  /** @type {Map<string, HTMLElement>} */ let cells = new Map()
  /** @type {string[]} */ let before = []
  let token = ""

  /** @param {any} state */
  function show(state) {
    const days = /** @type {ModelDay[]} */ (state.progress.details)
    cells = new Map(days.map((day) => [key(day.date, day.model), cell(state.job_id, day)]))
    const pager = h("p", { class: "pager" },
      before.length > 0 && h("button", { type: "button", onclick: () => turn(/** @type {string} */ (before.pop())) }, "Earlier dates"),
      state.next_page_token && h("button", { type: "button", onclick: () => (before.push(token), turn(state.next_page_token)) }, "Later dates"))
    place.replaceChildren(days.length ? grid(days, cells) : empty("There are no model-days."), legend(), pager)
  }

  /** @param {string} next */
  async function turn(next) {
    token = next
    show(await load(next))
  }

  /** @param {import("./job-stream.js").JobEvent} event */
  function update(event) {
    const next = STATUS_AFTER[event.type]
    const found = event.date && event.model && cells.get(key(event.date, event.model))
    if (found && next) mark(found, { date: event.date ?? "", model: event.model ?? "", status: next, attempt: event.attempt, error: event.error })
  }

  show(first)
  return { node: place, update, show: (/** @type {any} */ state) => ((before = []), (token = ""), show(state)) }
}

/** @param {ModelDay[]} days @param {Map<string, HTMLElement>} cells */
function grid(days, cells) {
  const dates = [...new Set(days.map((day) => day.date))]
  const models = [...new Set(days.map((day) => day.model))]
  const rows = models.map((model) => h("tr", {}, h("th", { scope: "row", class: "name" }, model), dates.map((date) => h("td", {}, cells.get(key(date, model)) ?? ""))))
  const head = h("tr", {}, h("td"), dates.map((date) => h("th", { scope: "col" }, h("span", {}, date.slice(5)))))
  const body = h("table", { class: "grid", "aria-label": "Model-days", onkeydown: move }, h("thead", {}, head), h("tbody", {}, rows))
  body.querySelector("a")?.setAttribute("tabindex", "0")
  return h("div", { class: "scroll" }, body)
}

/** @param {string} jobId @param {ModelDay} day */
function cell(jobId, day) {
  const link = h("a", { href: address("day", { job: jobId, date: day.date, model: day.model }), tabindex: "-1" })
  mark(link, day)
  return link
}

/** @param {HTMLElement} link @param {ModelDay} day */
function mark(link, day) {
  const told = `${day.model}, ${day.date}: ${day.status}${day.attempt > 1 ? `, attempt ${day.attempt}` : ""}${day.error ? ` – ${day.error}` : ""}`
  link.className = day.status
  link.textContent = MARKS[day.status] ?? "·"
  link.title = told
  link.setAttribute("aria-label", told)
}

/** Move by arrow keys; one model-day alone is reached by the tabulator. @param {KeyboardEvent} event */
function move(event) {
  const steps = /** @type {Record<string, [number, number]>} */ ({ ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] })
  const from = event.target instanceof HTMLElement ? event.target.closest("td") : null
  if (!from || !steps[event.key]) return
  event.preventDefault()
  const [down, right] = steps[event.key]
  const rows = /** @type {HTMLTableSectionElement} */ (from.closest("tbody")).rows
  const row = /** @type {HTMLTableRowElement} */ (from.parentElement)
  const next = rows[row.sectionRowIndex + down]?.cells[from.cellIndex + right]?.querySelector("a")
  if (!next) return
  from.querySelector("a")?.setAttribute("tabindex", "-1")
  next.setAttribute("tabindex", "0")
  next.focus()
}

/** What the marks mean. */
function legend() {
  return h("p", { class: "key" }, ["completed", "running", "pending", "failed", "skipped", "cancelled"].map((word) => status(word)))
}

/** @param {string} date @param {string} model */
function key(date, model) {
  return `${date} ${model}`
}
