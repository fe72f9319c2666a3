/** The jobs, newest first; those that are under way move by themselves. */

import { address } from "../address.js"
import { get } from "../api.js"
import { h } from "../element.js"
import { count, duration, moment, short } from "../format.js"
import { follow } from "../job-stream.js"
import { empty, status } from "../parts.js"
import { progress } from "../progress.js"
import { keepingFocus, table } from "../table.js"
import { repeat } from "../timer.js"

const PAGE = 50
const AGAIN = 3_000

/** Jobs followed by a stream; a browser opens six connections to a server, over all its tabs. */
const FOLLOWED = 2

const ACTIVE = new Set(["pending", "running"])

/**
 * @typedef {object} Job
 * @property {string} job_id
 * @property {string} status
 * @property {string} config_path
 * @property {string} experiment
 * @property {string[]} date_range
 * @property {string[]} models
 * @property {import("../progress.js").Counts} progress
 * @property {string} created_at
 * @property {number | null} total_duration_seconds
 * @property {string | null} error
 */

/** @type {import("../pages.js").Page} */
export async function jobs(query, signal) {
  const token = query.get("page")
  const load = () => get("/simulate/jobs", { page_size: PAGE, page_token: token }, signal)
  let found = await load()
  const list = h("div")
  /** @type {Set<string>} */ const followed = new Set()

  function draw() {
    keepingFocus(list, () => list.replaceChildren(found.jobs.length ? table("Jobs", COLUMNS, found.jobs) : none()))
    for (const job of found.jobs) if (ACTIVE.has(job.status) && !followed.has(job.job_id) && followed.size < FOLLOWED) watch(job)
  }

  /** @param {Job & {last_sequence?: number}} job */
  async function watch(job) {
    followed.add(job.job_id)
    const state = await get(`/simulate/status/${job.job_id}`, { page_size: 1 }, signal)
    const refresh = async () => ((found = await load()), draw())
    if (!ACTIVE.has(state.status)) return followed.delete(job.job_id), refresh()
    follow(job.job_id, state.last_sequence, signal, {
      onEvent: (event) => {
        const shown = found.jobs.find((/** @type {Job} */ one) => one.job_id === job.job_id)
        if (!shown) return
        shown.status = event.status
        Object.assign(shown.progress, { completed: event.completed, failed: event.failed })
        draw()
      },
      onEnd: () => (followed.delete(job.job_id), refresh()),
    })
  }

  draw()
  repeat(AGAIN, signal, async () => {
    const next = await load()
    if (JSON.stringify(next) === JSON.stringify(found)) return
    found = next
    draw()
  })
  const older = found.next_page_token && h("a", { class: "button", href: address("jobs", { page: found.next_page_token }) }, "Older jobs")
  const newest = token && h("a", { class: "button", href: address("jobs") }, "Newest jobs")
  return h("div", {}, h("h1", {}, "Jobs"), list, h("p", { class: "pager" }, newest, older))
}

/** @type {import("../table.js").Column<Job>[]} */
const COLUMNS = [
  { key: "job", title: "Job", kind: "name", cell: (job) => h("a", { href: address("job", { id: job.job_id }), class: "id" }, short(job.job_id)) },
  { key: "status", title: "Status", kind: "text", cell: (job) => status(job.status) },
  { key: "progress", title: "Model-days", kind: "text", cell: (job) => progress(job.progress) },
  { key: "experiment", title: "Experiment", kind: "text", cell: (job) => job.experiment },
  { key: "config", title: "Config", kind: "text", cell: (job) => job.config_path },
  { key: "models", title: "Models", kind: "number", cell: (job) => count(job.models.length) },
  { key: "dates", title: "Dates", kind: "text", cell: (job) => span(job.date_range) },
  { key: "created", title: "Created", kind: "text", cell: (job) => moment(job.created_at) },
  { key: "duration", title: "Took", kind: "number", cell: (job) => duration(job.total_duration_seconds) },
]

/** The first and the last of some dates. @param {string[]} dates */
export function span(dates) {
  return dates.length > 1 ? `${dates[0]} – ${dates.at(-1)}` : (dates[0] ?? "–")
}

function none() {
  return empty("No job yet. ", h("code", {}, "ai-trader trigger demo.json"), " starts one; it appears here by itself.")
}
