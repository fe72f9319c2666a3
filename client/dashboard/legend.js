/** Names and values beside a drawing of curves; pressing a name chooses it. */

import { h } from "./element.js"
import { dollars } from "./format.js"

/** @typedef {{name: string, isBenchmark: boolean, chosen: boolean, colour: string}} Line */

/** @param {Line[]} lines @param {() => void} onChoice */
export function legend(lines, onChoice) {
  const date = h("p", { class: "legend-date" })
  const rows = lines.map((line) => {
    const swatch = h("span", { class: "swatch" })
    const value = h("span", { class: "number" })
    const press = () => ((line.chosen = !line.chosen), onChoice())
    const button = h("button", { type: "button", onclick: press }, swatch, h("span", { class: "name" }, line.name), value)
    return { line, swatch, value, button }
  })

  /** Show which are chosen, in their colours. */
  function paint() {
    for (const { line, swatch, button } of rows) {
      swatch.style.backgroundColor = line.colour
      button.setAttribute("aria-pressed", String(line.chosen))
    }
  }

  /** Show the values of a date, in the order of the lines. @param {string} day @param {(number | null)[]} values */
  function read(day, values) {
    date.textContent = day
    rows.forEach((row, i) => (row.value.textContent = dollars(values[i])))
  }

  return { node: h("div", { class: "legend" }, date, h("ul", {}, rows.map((row) => h("li", {}, row.button)))), paint, read }
}
