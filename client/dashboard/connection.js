/** Whether the service is there: says so in the banner, and tells when it is back. */

import { h } from "./element.js"

/** Milliseconds between looks while all is well, and while it is not. */
const CALM = 10_000
const EAGER = 1_000

/** Milliseconds after which a look counts as failed. */
const LOOK = 4_000

export class Connection extends EventTarget {
  #here = true
  /** @type {HTMLElement} */ #banner
  #timer = 0

  /** @param {HTMLElement} banner */
  constructor(banner) {
    super()
    this.#banner = banner
    document.addEventListener("visibilitychange", () => document.hidden || this.#look())
    this.#later()
  }

  /** Somebody found the service away: look until it is back. */
  lost() {
    if (this.#here) this.#tell(false)
    this.#later()
  }

  #later() {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#look(), this.#here ? CALM : EAGER)
  }

  async #look() {
    clearTimeout(this.#timer)
    if (!document.hidden || !this.#here) {
      const here = await isHealthy()
      if (here !== this.#here) this.#tell(here)
    }
    this.#later()
  }

  /** @param {boolean} here */
  #tell(here) {
    this.#here = here
    document.documentElement.classList.toggle("away", !here)
    this.#banner.replaceChildren(here ? "" : banner())
    this.dispatchEvent(new Event(here ? "back" : "lost"))
  }
}

/** @returns {HTMLElement} */
function banner() {
  return h("p", { class: "banner" }, h("strong", {}, "The server is away."),
    " What you see may be out of date. Trying again; this page comes back by itself.")
}

async function isHealthy() {
  try {
    return (await fetch("/health", { signal: AbortSignal.timeout(LOOK) })).ok
  } catch {
    return false
  }
}
