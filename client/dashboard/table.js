/** Tables: plain ones, and one that sorts by the column whose head is pressed. */

import { h } from "./element.js"
import { scrolling } from "./parts.js"

/** @typedef {import("./element.js").Child} Child */

/**
 * @template Row
 * @typedef {object} Column
 * @property {string} key
 * @property {string} title
 * @property {string} [hint]
 * @property {"number" | "name" | "text"} [kind] numbers stand at the right; the name heads its row
 * @property {(row: Row) => Child} cell
 * @property {(row: Row) => number | string | null | undefined} [value] what is sorted by; without it the column cannot be
 * @property {boolean} [up] whether the first press sorts upwards
 * @property {(row: Row) => string} [tone]
 */

/**
 * A table.
 * @template Row
 * @param {string} name
 * @param {Column<Row>[]} columns
 * @param {Row[]} rows
 */
export function table(name, columns, rows) {
  const body = h("tbody", {}, rows.map((row) => line(columns, row)))
  return scrolling(name, h("table", { "aria-label": name }, head(columns.map((column) => title(column, column.title))), body))
}

/**
 * A table that sorts. `fixed` rows stay below the others. `show` puts other rows in place.
 * @template Row
 * @param {string} name
 * @param {Column<Row>[]} columns
 * @param {{key: string, up: boolean}} sort
 * @param {(sort: {key: string, up: boolean}) => void} onSort
 */
export function sortableTable(name, columns, sort, onSort) {
  const body = h("tbody")
  const foot = h("tfoot")
  /** @type {Row[]} */ let rows = []
  const titles = columns.map((column) => (column.value ? title(column, h("button", { type: "button", onclick: () => press(column) }, column.title)) : title(column, column.title)))

  /** @param {Column<Row>} column */
  function press(column) {
    const up = sort.key === column.key ? !sort.up : (column.up ?? false)
    sort = { key: column.key, up }
    onSort(sort)
    draw()
  }

  function draw() {
    const chosen = columns.find((column) => column.key === sort.key)
    titles.forEach((cell, i) => cell.setAttribute("aria-sort", columns[i].key === sort.key ? (sort.up ? "ascending" : "descending") : "none"))
    columns.forEach((column, i) => column.value || titles[i].removeAttribute("aria-sort"))
    keepingFocus(body, () => body.replaceChildren(...sorted(rows, chosen, sort.up).map((row) => line(columns, row))))
  }

  /** @param {Row[]} next @param {Row[]} [fixed] */
  function show(next, fixed = []) {
    rows = next
    foot.replaceChildren(...fixed.map((row) => line(columns, row)))
    draw()
  }

  return { node: scrolling(name, h("table", { "aria-label": name }, head(titles), body, foot)), show }
}

/**
 * Rows by the value of a column; those without a value last, equals as they were.
 * @template Row
 * @param {Row[]} rows
 * @param {Column<Row> | undefined} column
 * @param {boolean} up
 */
export function sorted(rows, column, up) {
  const value = column?.value
  if (!value) return rows
  const there = rows.filter((row) => isThere(value(row)))
  const order = (/** @type {any} */ a, /** @type {any} */ b) => (a < b ? -1 : a > b ? 1 : 0) * (up ? 1 : -1)
  return [...there.sort((a, b) => order(value(a), value(b))), ...rows.filter((row) => !isThere(value(row)))]
}

/** Replace what is in an element; a link that had the focus has it again. @param {HTMLElement} element @param {() => void} change */
export function keepingFocus(element, change) {
  const focused = element.contains(document.activeElement) ? document.activeElement?.getAttribute("href") : null
  change()
  if (focused) element.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true })
}

/** @param {unknown} value */
function isThere(value) {
  return value !== null && value !== undefined
}

/** @param {HTMLElement[]} titles */
function head(titles) {
  return h("thead", {}, h("tr", {}, titles))
}

/** @template Row @param {Column<Row>} column @param {Child} content */
function title(column, content) {
  return h("th", { scope: "col", class: column.kind, title: column.hint }, content)
}

/** @template Row @param {Column<Row>[]} columns @param {Row} row */
function line(columns, row) {
  return h("tr", {}, columns.map((column) => {
    const classes = `${column.kind ?? ""} ${column.tone?.(row) ?? ""}`
    return column.kind === "name" ? h("th", { scope: "row", class: classes }, column.cell(row)) : h("td", { class: classes }, column.cell(row))
  }))
}
