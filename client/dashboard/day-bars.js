/** Counts of days as a small drawing, which is a list for those who do not see it. */

import { h } from "./element.js"
import { count } from "./format.js"

/** @typedef {{date: string, jobs: number}} DayCount */

/** @param {string} name @param {DayCount[]} days */
export function dayBars(name, days) {
  const most = Math.max(1, ...days.map((day) => day.jobs))
  const bars = h("ol", { class: "days", "aria-label": name }, days.map((day) => bar(day, most)))
  const scale = h("p", { class: "scale", "aria-hidden": "true" }, h("span", {}, days[0].date), h("span", {}, days.at(-1)?.date))
  return h("div", { class: "day-bars" }, bars, scale)
}

/** @param {DayCount} day @param {number} most */
function bar(day, most) {
  const filled = h("span", { class: "filled" })
  filled.style.height = `${(100 * day.jobs) / most}%`
  const words = `${day.date}: ${count(day.jobs)}`
  return h("li", { title: words }, h("span", { class: "visually-hidden" }, words), h("span", { class: "value", "aria-hidden": "true" }, day.jobs ? count(day.jobs) : ""), filled)
}
