/** How far a job is, as a bar of its model-days. */

import { h } from "./element.js"
import { count } from "./format.js"

/** @typedef {{total_model_days: number, completed: number, failed: number, running: number, skipped: number, cancelled: number}} Counts */

const PARTS = /** @type {const} */ (["completed", "failed", "skipped", "cancelled", "running"])

/** @param {Counts} counts */
export function progress(counts) {
  const total = counts.total_model_days || 1
  const done = counts.completed + counts.failed + counts.skipped + counts.cancelled
  const parts = PARTS.map((name) => {
    const part = h("span", { class: name })
    part.style.width = `${(100 * counts[name]) / total}%`
    return part
  })
  const bar = h("span", { class: "bar", role: "progressbar", "aria-label": "Model-days done", "aria-valuemin": 0, "aria-valuemax": counts.total_model_days, "aria-valuenow": done }, parts)
  return h("span", { class: "progress" }, bar, h("span", { class: "number" }, `${count(done)} / ${count(counts.total_model_days)}`))
}
