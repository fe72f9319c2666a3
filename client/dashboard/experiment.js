/** The experiment the reader looks at: that of the address, or the one chosen last, or that of the newest job. */

import { get } from "./api.js"
import { h } from "./element.js"

const KEY = "ai-trader.experiment"
const RECENT_JOBS = 200

/** @type {string[]} */ let known = []

/**
 * Learn which experiments there are from the newest jobs, and show them, that of the address chosen.
 * @param {HTMLSelectElement} select
 * @param {URLSearchParams} query
 */
export async function refresh(select, query) {
  const { jobs } = await get("/simulate/jobs", { page_size: RECENT_JOBS })
  known = [...new Set(jobs.map((/** @type {{experiment: string}} */ job) => job.experiment))]
  show(select, query)
}

/** The experiment of an address. @param {URLSearchParams} query @returns {string | null} null when there is none at all */
export function experimentOf(query) {
  const chosen = query.get("experiment") ?? localStorage.getItem(KEY)
  return query.has("experiment") || (chosen && known.includes(chosen)) ? chosen : (known[0] ?? null)
}

/** @param {string} name */
export function choose(name) {
  localStorage.setItem(KEY, name)
}

/** @param {HTMLSelectElement} select @param {URLSearchParams} query */
function show(select, query) {
  const current = experimentOf(query)
  const names = current && !known.includes(current) ? [current, ...known] : known
  select.replaceChildren(...names.map((name) => h("option", { value: name }, name)))
  select.disabled = names.length === 0
  if (current) select.value = current
}
