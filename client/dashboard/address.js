/** Where the reader is: `#/page?name=value`, so that every view can be bookmarked and sent on. */

/** @typedef {{page: string, query: URLSearchParams}} Place */

/** @returns {Place} */
export function here() {
  const [page, search = ""] = location.hash.replace(/^#\/?/, "").split("?", 2)
  return { page: page || "leaderboard", query: new URLSearchParams(search) }
}

/**
 * The address of a page.
 * @param {string} page
 * @param {Record<string, string | null | undefined>} [query] what is empty is left out
 */
export function address(page, query = {}) {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value) search.set(name, value)
  return search.size ? `#/${page}?${search}` : `#/${page}`
}

/** Remember how the reader set a view, without a new entry in the history. @param {Record<string, string | null>} values */
export function remember(values) {
  const { page, query } = here()
  for (const [name, value] of Object.entries(values)) value ? query.set(name, value) : query.delete(name)
  history.replaceState(null, "", address(page, Object.fromEntries(query)))
}
