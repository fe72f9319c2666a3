/** Curves of several portfolios by common dates. */

/** @typedef {import("./pages/leaderboard.js").Entry} Entry */

/**
 * @param {Entry[]} entries
 * @returns {{dates: string[], names: string[], values: (number | null)[][]}} dates ascending; a value is null where a portfolio has none
 */
export function curveTable(entries) {
  const dates = [...new Set(entries.flatMap((entry) => entry.curve_dates))].sort()
  const places = new Map(dates.map((date, i) => [date, i]))
  const values = entries.map((entry) => {
    const row = /** @type {(number | null)[]} */ (new Array(dates.length).fill(null))
    entry.curve_dates.forEach((date, i) => (row[/** @type {number} */ (places.get(date))] = entry.curve[i]))
    return row
  })
  return { dates, names: entries.map((entry) => entry.model), values }
}
