/** Which dates of a symbol have prices, on an axis that all symbols share. The figures beside it say the same. */

import { svg } from "./element.js"

const WIDTH = 220
const HEIGHT = 20
/** Above the bars there is room for the marks of jumps. */
const TOP = 6
const DAY = 86_400_000

/** Narrower than this a gap could not be seen. */
const NARROWEST = 1.5

/** @typedef {{date: string, before: number, after: number}} Jump */

/**
 * @typedef {object} Coverage
 * @property {string} symbol
 * @property {string} first_date
 * @property {string} last_date
 * @property {number} bars
 * @property {string[]} missing_dates
 * @property {string[]} closed_dates
 * @property {Jump[]} jumps
 * @property {number} revisions
 * @property {string | null} last_import_at
 * @property {string | null} last_import_source
 */

/** @typedef {{first: string, last: string}} Span */

/** The dates that some symbols cover together. @param {Coverage[]} rows @returns {Span} */
export function spanOf(rows) {
  const first = rows.reduce((least, row) => (row.first_date < least ? row.first_date : least), rows[0].first_date)
  const last = rows.reduce((most, row) => (row.last_date > most ? row.last_date : most), rows[0].last_date)
  return { first, last }
}

/** @param {Coverage} row @param {Span} span */
export function coverageStrip(row, span) {
  const unit = WIDTH / (days(span.first, span.last) + 1)
  const x = (/** @type {string} */ date) => days(span.first, date) * unit
  const gap = Math.max(NARROWEST, unit)
  const holes = row.missing_dates.map((date) => `M${x(date).toFixed(1)} ${TOP}h${gap.toFixed(1)}V${HEIGHT}h-${gap.toFixed(1)}z`).join("")
  const jumps = row.jumps.map(({ date }) => `M${(x(date) + unit / 2 - 3).toFixed(1)} 0h6l-3 5z`).join("")
  return svg("svg", { class: "strip", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, "aria-hidden": "true" },
    svg("rect", { class: "covered", x: x(row.first_date).toFixed(1), y: TOP, width: Math.max(NARROWEST, x(row.last_date) + unit - x(row.first_date)).toFixed(1), height: HEIGHT - TOP }),
    holes && svg("path", { class: "hole", d: holes }), jumps && svg("path", { class: "jump", d: jumps }))
}

/** @param {string} from @param {string} to */
function days(from, to) {
  return (Date.parse(to) - Date.parse(from)) / DAY
}
