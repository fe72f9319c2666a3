/** Starts the dashboard: the frame around the pages, and the way from an address to its page. */

import { address, here } from "./address.js"
import { ApiError, AwayError } from "./api.js"
import { Connection } from "./connection.js"
import { h } from "./element.js"
import * as experiment from "./experiment.js"
import { PAGES, TABS } from "./pages.js"
import * as theme from "./theme.js"

const content = byId("content")
const select = /** @type {HTMLSelectElement} */ (byId("experiment"))
const connection = new Connection(byId("banner"))
let leaving = new AbortController()

theme.install(byId("theme"))
select.addEventListener("change", () => {
  experiment.choose(select.value)
  const tab = TABS.find(({ page }) => page === here().page) ?? TABS[0]
  location.hash = address(tab.page, { experiment: select.value })
})
addEventListener("hashchange", () => show({ moved: true }))
addEventListener("unhandledrejection", (event) => event.reason instanceof AwayError && (event.preventDefault(), connection.lost()))
connection.addEventListener("back", () => show({ moved: false }))
document.querySelector(".skip")?.addEventListener("click", (event) => (event.preventDefault(), content.focus()))
show({ moved: false })

/** Show the page of the address. @param {{moved: boolean}} how whether the reader came from another page */
async function show({ moved }) {
  leaving.abort()
  leaving = new AbortController()
  const { signal } = leaving
  document.documentElement.classList.add("loading")
  const found = await loaded(signal)
  if (signal.aborted || !found) return
  content.replaceChildren(found)
  document.documentElement.classList.remove("loading")
  document.title = `${content.querySelector("h1")?.textContent ?? ""} · AI-Trader`
  if (moved) {
    scrollTo(0, 0)
    content.focus({ preventScroll: true })
  }
}

/** Load the page of the address; nothing when it was left, or the service is away. @param {AbortSignal} signal */
async function loaded(signal) {
  const { page, query } = here()
  try {
    const known = experiment.refresh(select, query)
    if (!query.has("experiment")) await known
    drawTabs(page, query)
    return PAGES[page] ? await PAGES[page](query, signal) : nothing(`There is no page '${page}'`)
  } catch (error) {
    if (signal.aborted) return null
    if (error instanceof AwayError) return connection.lost(), null
    if (error instanceof ApiError) return nothing(error.message)
    throw error
  }
}

/** @param {string} open @param {URLSearchParams} query */
function drawTabs(open, query) {
  const chosen = query.get("experiment")
  const current = TABS.find(({ page, pages = [] }) => page === open || pages.includes(open))
  byId("nav").replaceChildren(...TABS.map((tab) =>
    h("a", { href: address(tab.page, tab.ofExperiment ? { experiment: chosen } : {}), "aria-current": tab === current ? "page" : null }, tab.title)))
  if (select.parentElement) select.parentElement.hidden = !current?.ofExperiment
}

/** @param {string} message */
function nothing(message) {
  return h("section", {}, h("h1", {}, "Not here"), h("p", { class: "empty" }, message))
}

/** @param {string} id @returns {HTMLElement} */
function byId(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id))
}
