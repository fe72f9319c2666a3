/** Numbers, dates and times as people read them; what is not there is a dash. */

export const NONE = "–"
const MINUS = "−"

const money = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 })
const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 })

/** @typedef {number | null | undefined} Figure */

/** Dollars with cents. @param {Figure} value */
export function dollars(value) {
  return isNone(value) ? NONE : `${value < 0 ? MINUS : ""}$${money.format(Math.abs(value))}`
}

/** Dollars with a sign. @param {Figure} value */
export function change(value) {
  return isNone(value) ? NONE : `${sign(value)}$${money.format(Math.abs(value))}`
}

/** Percent with a sign. @param {Figure} value */
export function percent(value) {
  return isNone(value) ? NONE : `${sign(value)}${money.format(Math.abs(value))}%`
}

/** A ratio, such as Sharpe's. @param {Figure} value */
export function ratio(value) {
  return isNone(value) ? NONE : `${value < 0 ? MINUS : ""}${money.format(Math.abs(value))}`
}

/** A whole number. @param {Figure} value */
export function count(value) {
  return isNone(value) ? NONE : whole.format(value).replace("-", MINUS)
}

/** Seconds as a duration. @param {Figure} seconds */
export function duration(seconds) {
  if (isNone(seconds)) return NONE
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`
  if (seconds < 60) return `${seconds.toFixed(1)} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`
}

/** Bytes. @param {Figure} value */
export function bytes(value) {
  if (isNone(value)) return NONE
  const power = Math.min(4, Math.max(0, Math.floor(Math.log2(Math.max(1, value)) / 10)))
  const scaled = value / 1024 ** power
  return `${power ? scaled.toFixed(1) : scaled} ${["B", "KiB", "MiB", "GiB", "TiB"][power]}`
}

/** A moment, in the reader's time zone. @param {string | null | undefined} iso */
export function moment(iso) {
  if (!iso) return NONE
  const time = new Date(iso)
  const [day, clock] = [[time.getFullYear(), time.getMonth() + 1, time.getDate()], [time.getHours(), time.getMinutes(), time.getSeconds()]]
  return `${day.map(two).join("-")} ${clock.map(two).join(":")}`
}

/** The beginning of an id, enough to tell it from others. @param {string} id */
export function short(id) {
  return id.slice(0, 8)
}

/** A word of the service as people write it. @param {string | null | undefined} word */
export function sentence(word) {
  return word ? word[0].toUpperCase() + word.slice(1).replaceAll("_", " ") : NONE
}

/** Which way a figure points, as a class. @param {Figure} value @returns {"gain" | "loss" | "flat"} */
export function tone(value) {
  if (isNone(value) || Math.abs(value) < 0.005) return "flat"
  return value > 0 ? "gain" : "loss"
}

/** @param {number} value */
function sign(value) {
  if (Math.abs(value) < 0.005) return ""
  return value > 0 ? "+" : MINUS
}

/** @param {number} value */
function two(value) {
  return String(value).padStart(2, "0")
}

/** @param {Figure} value @returns {value is null | undefined} */
function isNone(value) {
  return value === null || value === undefined || Number.isNaN(value)
}
