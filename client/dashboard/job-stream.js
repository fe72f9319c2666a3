/** The events of a job as they happen. A stream that was cut goes on after the last event it told. */

/** Milliseconds before a stream that was refused is opened again. */
const AGAIN = 1_500

/**
 * @typedef {object} JobEvent
 * @property {number} sequence
 * @property {string} event_at
 * @property {string} type
 * @property {string} status
 * @property {string | null} date
 * @property {string | null} model
 * @property {number} attempt
 * @property {number | null} duration_seconds
 * @property {string | null} error
 * @property {number | null} portfolio_value
 * @property {number | null} fills
 * @property {number} total_model_days
 * @property {number} completed
 * @property {number} failed
 */

/**
 * Follow a job until it ends or the page is left.
 * @param {string} jobId
 * @param {number} after sequence of the last event that is known
 * @param {AbortSignal} signal
 * @param {{onEvent: (event: JobEvent) => void, onEnd?: () => void, once?: boolean}} listener `once` gives up when refused
 */
export function follow(jobId, after, signal, { onEvent, onEnd, once = false }) {
  /** @type {EventSource | undefined} */ let source
  let last = after
  let timer = 0

  function open() {
    // a browser connects again by itself, with Last-Event-ID, unless the gateway refused it
    source = new EventSource(`/simulate/progress/${encodeURIComponent(jobId)}?after_sequence=${last}`)
    source.addEventListener("message", (message) => {
      const event = JSON.parse(message.data)
      if (event.sequence <= last) return
      last = event.sequence
      onEvent(event)
      if (event.type === "job_ended") end()
    })
    source.addEventListener("error", () => {
      if (source?.readyState === EventSource.CLOSED && !signal.aborted && !once) timer = setTimeout(open, AGAIN)
    })
  }

  /** The last event was told; what the browser would do next is connect again. */
  function end() {
    source?.close()
    onEnd?.()
  }

  signal.addEventListener("abort", () => (clearTimeout(timer), source?.close()))
  open()
}
