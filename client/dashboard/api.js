/** Asks the gateway. An error of the service is an `ApiError`; a service that cannot be reached is an `AwayError`. */

/** Milliseconds after which an answer is given up. */
const PATIENCE = 20_000

/** Answers that say the service is away, not that the question was wrong. */
const AWAY = new Set([502, 503, 504])

export class AwayError extends Error {}

export class ApiError extends Error {
  /** @param {number} status @param {{error?: string, message?: string, details?: Record<string, any>}} body */
  constructor(status, body) {
    super(body.message ?? `the gateway answered with ${status}`)
    this.status = status
    this.word = body.error ?? "error"
    this.details = body.details ?? {}
  }
}

/**
 * Ask, and give the answer.
 * @param {string} path
 * @param {Record<string, string | number | boolean | null | undefined>} [query] what is empty is left out
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export function get(path, query = {}, signal) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "")
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString()
  return asked(search ? `${path}?${search}` : path, {}, signal)
}

/** As `get`, with null where the service has nothing. @type {typeof get} */
export async function find(path, query, signal) {
  try {
    return await get(path, query, signal)
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null
    throw error
  }
}

/**
 * Tell the service to do something.
 * @param {string} path
 * @param {object} body
 * @returns {Promise<any>}
 */
export function post(path, body) {
  return asked(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) })
}

/** @param {string} url @param {RequestInit} options @param {AbortSignal} [signal] */
async function asked(url, options, signal) {
  const limit = AbortSignal.timeout(PATIENCE)
  const response = await sent(url, { ...options, signal: signal ? AbortSignal.any([signal, limit]) : limit })
  const body = await response.json().catch(() => ({}))
  if (response.ok) return body
  if (AWAY.has(response.status)) throw new AwayError(body.message)
  throw new ApiError(response.status, body)
}

/** @param {string} url @param {RequestInit} options */
async function sent(url, options) {
  try {
    return await fetch(url, options)
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error
    throw new AwayError("the gateway was not reached")
  }
}
