/** Work that is repeated while a page is open and seen. */

import { AwayError } from "./api.js"

/**
 * Repeat until the page is left. A service that is away is told of by the connection, and is no reason to stop.
 * @param {number} milliseconds between the end of one and the next
 * @param {AbortSignal} signal
 * @param {() => Promise<void>} work
 */
export function repeat(milliseconds, signal, work) {
  const later = () => setTimeout(turn, milliseconds)
  let timer = later()
  signal.addEventListener("abort", () => clearTimeout(timer))

  async function turn() {
    try {
      if (!document.hidden) await work()
    } catch (error) {
      if (!(error instanceof AwayError) && !signal.aborted) throw error
    }
    if (!signal.aborted) timer = later()
  }
}
