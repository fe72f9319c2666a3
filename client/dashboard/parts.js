/** Small pieces that several pages show. */

import { h } from "./element.js"
import { sentence } from "./format.js"

/** Each status has a shape of its own, so that nothing depends on colour. @type {Record<string, string>} */
export const MARKS = { pending: "○", running: "◐", completed: "✓", partial: "◑", failed: "✕", skipped: "–", cancelled: "⊘", healthy: "✓", unhealthy: "✕", off: "–", succeeded: "✓", queued: "○" }

/** A status as a mark and a word. @param {string | null | undefined} word */
export function status(word) {
  return h("span", { class: `status ${word ?? ""}` }, h("span", { class: "mark", "aria-hidden": "true" }, MARKS[word ?? ""] ?? "·"), sentence(word))
}

/** Figures with their names. @param {(readonly [name: string, value: import("./element.js").Child, tone?: string] | null)[]} entries */
export function facts(entries) {
  const there = entries.filter((entry) => entry !== null)
  return h("dl", { class: "facts" }, there.map(([name, value, tone = ""]) => h("div", {}, h("dt", {}, name), h("dd", { class: tone }, value))))
}

/** What is said where there is nothing to show. @param {...import("./element.js").Child} words */
export function empty(...words) {
  return h("p", { class: "empty" }, ...words)
}

/** A part of a page. @param {string} title @param {...(import("./element.js").Child | import("./element.js").Child[])} children */
export function card(title, ...children) {
  return h("section", { class: "card" }, h("h2", {}, title), ...children)
}

/** What is wider than a phone scrolls in itself, also by keyboard. @param {string} name @param {...Node} children */
export function scrolling(name, ...children) {
  return h("div", { class: "scroll", role: "region", "aria-label": name, tabindex: "0" }, ...children)
}
