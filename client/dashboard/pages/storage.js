/** How much is stored: sizes, rows of every table, jobs by state and by day, the largest models. */

import { get } from "../api.js"
import { dayBars } from "../day-bars.js"
import { h } from "../element.js"
import { bytes, count, moment } from "../format.js"
import { card, empty, facts, status } from "../parts.js"
import { table } from "../table.js"
import { repeat } from "../timer.js"

const AGAIN = 15_000

/** @type {import("../pages.js").Page} */
export async function storage(_, signal) {
  const [summary, rest] = [h("div"), h("div")]
  let shown = ""
  async function draw() {
    const found = await get("/storage", {}, signal)
    const { job_days, job_statuses, top_models, tables } = found
    const text = JSON.stringify([job_days, job_statuses, top_models, tables])
    summary.replaceChildren(sizes(found))
    if (text !== shown) rest.replaceChildren(...counts(found))
    shown = text
  }
  await draw()
  repeat(AGAIN, signal, draw)
  return h("div", {}, h("h1", {}, "Storage"), summary, rest)
}

/** @param {any} found */
function sizes(found) {
  return facts([
    ["Database", bytes(found.database_bytes)],
    ["Of it unused", bytes(found.unused_bytes)],
    ["Write-ahead log", bytes(found.wal_bytes)],
    ["Free disk", bytes(found.free_disk_bytes)],
    ["Trading days", found.first_date ? `${found.first_date} – ${found.last_date}` : "none"],
    ["Schema", found.schema_version],
    ["Counted", moment(found.counted_at)],
  ])
}

/** @param {any} found */
function counts({ job_days, job_statuses, top_models, tables }) {
  return [
    card("Jobs by day", dayBars("Jobs by day", job_days)),
    h("div", { class: "columns" },
      h("div", {}, card("Jobs by state", job_statuses.length ? table("Jobs by state", STATES, job_statuses) : empty("No job yet.")),
        card("Largest models", top_models.length ? table("Largest models", MODELS, top_models) : empty("No model has a portfolio yet."))),
      card("Rows", table("Rows", TABLES, tables))),
  ]
}

/** @type {import("../table.js").Column<any>[]} */
const STATES = [
  { key: "status", title: "State", kind: "name", cell: (row) => status(row.status) },
  { key: "jobs", title: "Jobs", kind: "number", cell: (row) => count(row.jobs) },
]

/** @type {import("../table.js").Column<any>[]} */
const MODELS = [
  { key: "model", title: "Model", kind: "name", cell: (row) => row.model },
  { key: "days", title: "Model-days", kind: "number", cell: (row) => count(row.model_days) },
  { key: "portfolios", title: "Portfolios", hint: "One for each experiment", kind: "number", cell: (row) => count(row.portfolios) },
]

/** @type {import("../table.js").Column<any>[]} */
const TABLES = [
  { key: "table", title: "Table", kind: "name", cell: (row) => row.table },
  { key: "rows", title: "Rows", kind: "number", cell: (row) => count(row.rows) },
]
