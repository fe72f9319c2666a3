/** The recorded session of an agent: its figures, and every step as text. */

import { get } from "./api.js"
import { h } from "./element.js"
import { count, duration, moment, sentence } from "./format.js"
import { card, facts, status } from "./parts.js"

/** Characters of a step that are shown at first. */
const FOLD = 700
/** Characters of arguments that stand in one line. */
const LINE = 80

/**
 * @typedef {object} Step
 * @property {number} step_number
 * @property {string} role
 * @property {string | null} content
 * @property {string | null} tool_name
 * @property {string | null} arguments
 * @property {string | null} time
 * @property {number | null} duration_seconds
 * @property {boolean} truncated
 */

/**
 * @param {any} reasoning the first page of a session
 * @param {Record<string, string>} question what it is of
 * @param {AbortSignal} signal
 */
export function sessionCard(reasoning, question, signal) {
  const list = h("ol", { class: "steps", "aria-label": "Steps" })
  const more = h("button", { type: "button" }, "More steps")
  let token = ""
  /** @param {any} page */
  function add(page) {
    list.append(...page.steps.map(step))
    token = page.next_page_token
    more.hidden = !token
  }
  more.addEventListener("click", async () => add(await get("/reasoning", { ...question, page_token: token }, signal)))
  add(reasoning)
  return card("Reasoning", figures(reasoning.session), list, more)
}

/** @param {any} session */
function figures(session) {
  return h("div", {},
    facts([
      ["Session", status(session.outcome)],
      ["Stopped", sentence(session.stop_reason)],
      ["Steps", count(session.total_steps)],
      ["Tokens", session.usage ? `${count(session.usage.input_tokens)} in · ${count(session.usage.output_tokens)} out` : "–"],
      ["Cost", session.cost_usd === null ? "–" : `$${session.cost_usd.toFixed(4)}`],
      ["Tools", session.tool_usage.map((/** @type {any} */ tool) => `${tool.tool_name} ${tool.call_count}`).join(", ") || "none"],
    ]),
    session.summary && h("blockquote", {}, session.summary))
}

/** @param {Step} one */
function step(one) {
  const title = h("p", { class: "step-title" },
    h("span", { class: "number" }, one.step_number), h("strong", {}, sentence(one.role)), one.tool_name && h("code", {}, one.tool_name),
    h("span", { class: "hint" }, [one.time && moment(one.time), one.duration_seconds !== null && duration(one.duration_seconds), one.truncated && "cut when it was stored"].filter(Boolean).join(" · ")))
  return h("li", { class: one.role }, title, one.arguments && h("pre", { class: "arguments" }, pretty(one.arguments)), one.content && text(one.content))
}

/** A text in full, the rest of a long one folded. @param {string} content */
function text(content) {
  if (content.length <= FOLD) return h("pre", {}, content)
  return h("details", {}, h("summary", {}, h("pre", {}, `${content.slice(0, FOLD)} …`), h("span", { class: "hint" }, `${count(content.length)} characters`)), h("pre", {}, content))
}

/** Long JSON in lines; what is short, or no JSON, as it is. @param {string} raw */
function pretty(raw) {
  if (raw.length <= LINE) return raw
  try {
    return JSON.stringify(JSON.parse(raw), null, 2)
  } catch {
    return raw
  }
}
