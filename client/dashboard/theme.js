/** Light, dark, or as the system says; remembered in this browser. */

const KEY = "ai-trader.theme"
const WORDS = { system: "Theme: system", light: "Theme: light", dark: "Theme: dark" }

/** @typedef {keyof typeof WORDS} Theme */

/** Told when colours change, for what is drawn on a canvas. */
export const changes = new EventTarget()

/** @param {HTMLElement} button switches from one to the next */
export function install(button) {
  const order = /** @type {Theme[]} */ (Object.keys(WORDS))
  button.addEventListener("click", () => {
    const next = order[(order.indexOf(chosen()) + 1) % order.length]
    localStorage.setItem(KEY, next)
    apply(button)
  })
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => apply(button))
  apply(button)
}

/** The value of a colour of the theme. @param {string} name */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
}

/** @returns {Theme} */
function chosen() {
  const stored = localStorage.getItem(KEY)
  return stored === "light" || stored === "dark" ? stored : "system"
}

/** @param {HTMLElement} button */
function apply(button) {
  const theme = chosen()
  if (theme === "system") delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = theme
  button.textContent = WORDS[theme]
  changes.dispatchEvent(new Event("change"))
}
