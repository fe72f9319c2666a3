/** Which prices there are: every symbol with its dates, what is missing or strange, and where they come from. */

import { address, remember } from "../address.js"
import { get } from "../api.js"
import { coverageStrip, spanOf } from "../coverage-strip.js"
import { h } from "../element.js"
import { count, dollars, moment, percent } from "../format.js"
import { card, empty, facts } from "../parts.js"
import { sortableTable, table } from "../table.js"
import { repeat } from "../timer.js"

/** @typedef {import("../coverage-strip.js").Coverage} Coverage */
/** @typedef {{symbols: Coverage[], next_page_token: string | null, calendar: string | null}} Found */

/** Symbols of a page; the most the service gives. */
const PAGE = 5000
const AGAIN = 60_000

/** @type {import("../pages.js").Page} */
export async function prices(query, signal) {
  const token = query.get("page")
  const load = () => get("/prices/coverage", { page_size: PAGE, page_token: token }, signal)
  /** @type {Found} */ const found = await load()
  const chosen = query.get("symbol")
  if (chosen !== null) return oneSymbol(chosen, found)
  if (!found.symbols.length) return h("div", {}, h("h1", {}, "Prices"), empty("There are no prices yet. ", h("code", {}, "ai-trader-server prices import FILE"), " brings some in."))
  const { node, show } = list(query, found)
  let shown = JSON.stringify(found)
  repeat(AGAIN, signal, async () => {
    const next = await load()
    if (JSON.stringify(next) !== shown && next.symbols.length) show(next)
    shown = JSON.stringify(next)
  })
  return node
}

/** All symbols, those that the reader asks for shown. @param {URLSearchParams} query @param {Found} found */
function list(query, found) {
  const token = query.get("page")
  const sort = { key: query.get("sort") ?? "symbol", up: query.get("order") !== "down" }
  const search = /** @type {HTMLInputElement} */ (h("input", { type: "search", value: query.get("find") ?? "", size: 8, placeholder: "all", autocomplete: "off", spellcheck: "false", oninput: () => draw() }))
  const strange = h("button", { type: "button", "aria-pressed": String(query.has("strange")), onclick: () => (press(strange), draw()) }, "Only with findings")
  const [summary, told] = [h("div"), h("p", { class: "key", role: "status" })]
  const columns = COLUMNS(token)
  const rows = sortableTable("Prices", columns, sort, ({ key, up }) => remember({ sort: key, order: up ? "up" : "down" }))

  function draw() {
    const [part, only] = [search.value.trim().toUpperCase(), strange.getAttribute("aria-pressed") === "true"]
    remember({ find: part || null, strange: only ? "1" : null })
    const span = spanOf(found.symbols)
    const seen = found.symbols.filter((row) => row.symbol.toUpperCase().includes(part) && (!only || isStrange(row)))
    summary.replaceChildren(overview(found, span))
    rows.show(seen.map((row) => ({ ...row, span })))
    const words = `${count(seen.length)} of ${count(found.symbols.length)} symbols. A strip is ${span.first} to ${span.last}: filled where there are prices, open where a trading day has none, ▾ above a jump.`
    if (told.textContent !== words) told.textContent = words
  }

  draw()
  const more = found.next_page_token && h("a", { class: "button", href: address("prices", { page: found.next_page_token }) }, "More symbols")
  const first = token && h("a", { class: "button", href: address("prices") }, "First symbols")
  const tools = h("p", { class: "trail" }, h("label", { class: "pick" }, "Symbol ", search), strange)
  const node = h("div", {}, h("div", { class: "heading" }, h("h1", {}, "Prices"), tools), summary, rows.node, told, h("p", { class: "pager" }, first, more))
  return { node, show: (/** @type {Found} */ next) => ((found = next), draw()) }
}

/** @param {HTMLElement} button */
function press(button) {
  button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"))
}

/** @param {Coverage} row */
function isStrange(row) {
  return row.missing_dates.length + row.closed_dates.length + row.jumps.length + row.revisions > 0
}

/** @param {Found} found @param {import("../coverage-strip.js").Span} span */
function overview({ symbols, next_page_token, calendar }, span) {
  const total = (/** @type {(row: Coverage) => number} */ of) => symbols.reduce((sum, row) => sum + of(row), 0)
  const gaps = total((row) => row.missing_dates.length)
  return facts([
    ["Symbols", next_page_token ? `first ${count(symbols.length)}` : count(symbols.length)],
    ["Dates", `${span.first} – ${span.last}`],
    ["Bars", count(total((row) => row.bars))],
    ["Gaps", count(gaps), gaps ? "loss" : ""],
    ["Jumps", count(total((row) => row.jumps.length))],
    ["Revised bars", count(total((row) => row.revisions))],
    ["Last fetch", moment(symbols.reduce((last, row) => ((row.last_import_at ?? "") > last ? (row.last_import_at ?? "") : last), ""))],
    ["Calendar", calendar ?? "dates of other symbols"],
  ])
}

/** @param {string | null} page @returns {import("../table.js").Column<Coverage & {span: import("../coverage-strip.js").Span}>[]} */
const COLUMNS = (page) => [
  { key: "symbol", title: "Symbol", kind: "name", up: true, value: (row) => row.symbol, cell: (row) => h("a", { href: address("prices", { symbol: row.symbol, page }) }, row.symbol) },
  { key: "strip", title: "Dates", kind: "text", cell: (row) => coverageStrip(row, row.span) },
  { key: "first", title: "First", kind: "text", up: true, value: (row) => row.first_date, cell: (row) => row.first_date },
  { key: "last", title: "Last", kind: "text", value: (row) => row.last_date, cell: (row) => row.last_date },
  { key: "bars", title: "Bars", kind: "number", value: (row) => row.bars, cell: (row) => count(row.bars) },
  { key: "gaps", title: "Gaps", hint: "Trading days between first and last without a bar", kind: "number", tone: (row) => (row.missing_dates.length ? "loss" : ""), value: (row) => row.missing_dates.length, cell: (row) => count(row.missing_dates.length) },
  { key: "closed", title: "Off days", hint: "Bars on dates that are no trading days", kind: "number", value: (row) => row.closed_dates.length, cell: (row) => count(row.closed_dates.length) },
  { key: "jumps", title: "Jumps", hint: "Prices half as high again as the one before, or a third lower", kind: "number", value: (row) => row.jumps.length, cell: (row) => count(row.jumps.length) },
  { key: "revised", title: "Revised", hint: "Bars that a later import replaced", kind: "number", value: (row) => row.revisions, cell: (row) => count(row.revisions) },
  { key: "source", title: "Source", hint: "Of the last import", kind: "text", up: true, value: (row) => row.last_import_source, cell: (row) => h("span", { class: "cut", title: row.last_import_source }, row.last_import_source) },
  { key: "fetched", title: "Last fetch", kind: "text", value: (row) => row.last_import_at, cell: (row) => h("span", { title: moment(row.last_import_at) }, moment(row.last_import_at).split(" ")[0]) },
]

/** One symbol, with every date that is missing or strange. @param {string} symbol @param {Found} found */
function oneSymbol(symbol, found) {
  const row = found.symbols.find((one) => one.symbol === symbol)
  const heading = h("div", { class: "heading" }, h("h1", {}, `Prices of ${symbol}`), h("p", { class: "trail" }, h("a", { href: address("prices") }, "All symbols")))
  if (!row) return h("div", {}, heading, empty("There are no prices of this symbol."))
  return h("div", {}, heading,
    facts([
      ["Dates", `${row.first_date} – ${row.last_date}`],
      ["Bars", count(row.bars)],
      ["Revised bars", count(row.revisions)],
      ["Source", row.last_import_source ?? "–"],
      ["Last fetch", moment(row.last_import_at)],
    ]),
    card("Jumps", row.jumps.length ? table("Jumps", JUMPS, row.jumps) : empty("No price is far from the one before.")),
    card(`Trading days without a bar (${count(row.missing_dates.length)})`, dates(row.missing_dates)),
    card(`Bars on other days (${count(row.closed_dates.length)})`, dates(row.closed_dates)))
}

/** @param {string[]} list */
function dates(list) {
  return list.length ? h("ul", { class: "dates" }, list.map((date) => h("li", {}, date))) : empty("None.")
}

/** @type {import("../table.js").Column<import("../coverage-strip.js").Jump>[]} */
const JUMPS = [
  { key: "date", title: "Date", kind: "name", cell: (jump) => jump.date },
  { key: "before", title: "Before", kind: "number", cell: (jump) => dollars(jump.before) },
  { key: "after", title: "After", kind: "number", cell: (jump) => dollars(jump.after) },
  { key: "change", title: "Change", kind: "number", cell: (jump) => percent((100 * jump.after) / jump.before - 100) },
]
