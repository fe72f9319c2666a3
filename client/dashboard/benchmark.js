/** The symbol that portfolios are compared with, as the reader chose it. */

import { address, here } from "./address.js"
import { h } from "./element.js"

const KEY = "ai-trader.benchmark"
const LONGEST = 20

/** A field for the benchmark; entering another one opens the page anew. @param {URLSearchParams} query */
export function benchmarkField(query) {
  const symbol = query.get("benchmark") ?? localStorage.getItem(KEY) ?? ""
  const input = /** @type {HTMLInputElement} */ (h("input", { value: symbol, maxlength: LONGEST, size: 8, placeholder: "none", autocomplete: "off", spellcheck: "false" }))
  input.addEventListener("change", () => {
    const chosen = input.value.trim().toUpperCase()
    localStorage.setItem(KEY, chosen)
    const { page, query: others } = here()
    location.hash = address(page, { ...Object.fromEntries(others), benchmark: chosen || null })
  })
  return { symbol, node: h("label", { class: "pick" }, "Benchmark ", input) }
}
