/** Makes elements. Whatever is told by the service becomes text, never markup. */

const SVG = "http://www.w3.org/2000/svg"

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * Make an element. Properties that are functions are listeners (`onclick`), `true` is a bare attribute, and null,
 * undefined and false are left out.
 * @param {string} tag
 * @param {Record<string, unknown>} [properties]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElement}
 */
export function h(tag, properties = {}, ...children) {
  return filled(document.createElement(tag), properties, children)
}

/**
 * Make an element of a drawing.
 * @param {string} tag
 * @param {Record<string, unknown>} [properties]
 * @param {...(Child | Child[])} children
 * @returns {SVGElement}
 */
export function svg(tag, properties = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), properties, children)
}

/**
 * @template {Element} E
 * @param {E} element
 * @param {Record<string, unknown>} properties
 * @param {(Child | Child[])[]} children
 * @returns {E}
 */
function filled(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), /** @type {EventListener} */ (value))
    else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? "" : String(value))
    }
  }
  element.append(...children.flat().filter(isThere).map(asNode))
  return element
}

/** @param {Child} child */
function isThere(child) {
  return child !== null && child !== undefined && child !== false
}

/** @param {Child} child */
function asNode(child) {
  return child instanceof Node ? child : String(child)
}
