/** What one can do about a job: cancel it while it is under way, run again what did not complete. */

import { ApiError, AwayError, post } from "./api.js"
import { h } from "./element.js"

const ACTIVE = new Set(["pending", "running"])
const RETRIED = new Set(["partial", "failed", "cancelled"])

/**
 * @param {{job_id: string, status: string}} job
 * @param {() => Promise<void>} onDone
 */
export function actions(job, onDone) {
  const path = `/simulate/${encodeURIComponent(job.job_id)}`
  const problem = h("span", { class: "problem", role: "alert" })

  /** @param {string} action @param {object} body */
  async function act(action, body) {
    try {
      await post(`${path}/${action}`, body)
      await onDone()
    } catch (error) {
      if (!(error instanceof ApiError || error instanceof AwayError)) throw error
      problem.textContent = error.message
    }
  }

  const buttons = [
    ACTIVE.has(job.status) && h("button", { type: "button", class: "danger", onclick: () => ask((reason) => act("cancel", reason ? { reason } : {})) }, "Cancel job"),
    RETRIED.has(job.status) && h("button", { type: "button", onclick: () => act("retry", {}) }, "Retry what did not complete"),
  ]
  return h("p", { class: "actions" }, buttons, problem)
}

/** Ask whether a job is to be stopped, and why. @param {(reason: string) => void} onYes */
function ask(onYes) {
  const reason = /** @type {HTMLInputElement} */ (h("input", { maxlength: 500, autocomplete: "off" }))
  const dialog = /** @type {HTMLDialogElement} */ (h("dialog", { "aria-labelledby": "ask-title" },
    h("h2", { id: "ask-title" }, "Cancel this job?"),
    h("p", {}, "Nothing of it is committed any more; what was committed stays."),
    h("label", {}, "Reason (optional) ", reason),
    h("p", { class: "actions" },
      h("button", { type: "button", onclick: () => dialog.close() }, "Keep it running"),
      h("button", { type: "button", class: "danger", onclick: () => (dialog.close(), onYes(reason.value.trim())) }, "Cancel the job"))))
  dialog.addEventListener("close", () => dialog.remove())
  document.body.append(dialog)
  dialog.showModal()
}
