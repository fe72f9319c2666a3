/** The service itself: its version and how its parts are. */

import { get } from "../api.js"
import { h } from "../element.js"
import { bytes, count, duration, moment } from "../format.js"
import { card, facts, status } from "../parts.js"
import { table } from "../table.js"
import { repeat } from "../timer.js"

const AGAIN = 10_000

/** @type {import("../pages.js").Page} */
export async function service(_, signal) {
  const place = h("div")
  const draw = async () => place.replaceChildren(...shown(await get("/service/status", {}, signal)))
  await draw()
  repeat(AGAIN, signal, draw)
  return h("div", {}, h("h1", {}, "Service"), place)
}

/** @param {any} found */
function shown(found) {
  return [
    facts([
      ["State", status(found.status)],
      ["Version", found.version],
      ["Up for", duration(found.uptime_seconds)],
      ["Since", moment(found.start_at)],
      ["Symbols", count(found.symbols)],
      ["Prices", found.first_date ? `${found.first_date} – ${found.last_date}` : "none"],
      ["Free disk", bytes(found.free_disk_bytes)],
    ]),
    card("Parts", table("Parts", PARTS, found.components)),
  ]
}

/** @type {import("../table.js").Column<any>[]} */
const PARTS = [
  { key: "name", title: "Part", kind: "name", cell: (part) => part.name },
  { key: "status", title: "State", kind: "text", cell: (part) => status(part.status) },
  { key: "message", title: "", kind: "text", cell: (part) => part.message },
]
