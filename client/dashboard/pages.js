/** Every page by its name in the address. A page loads what it shows and gives its content. */

import { curves } from "./pages/curves.js"
import { day } from "./pages/day.js"
import { job } from "./pages/job.js"
import { jobs } from "./pages/jobs.js"
import { leaderboard } from "./pages/leaderboard.js"
import { model } from "./pages/model.js"
import { prices } from "./pages/prices.js"
import { service } from "./pages/service.js"
import { storage } from "./pages/storage.js"

/** @typedef {(query: URLSearchParams, signal: AbortSignal) => Promise<HTMLElement>} Page the signal says that it was left */

/** @type {Record<string, Page>} */
export const PAGES = { leaderboard, curves, jobs, job, day, model, prices, storage, service }

/**
 * What the navigation shows. `pages` are those below a tab; `ofExperiment` says that they show one experiment.
 * @type {{page: string, title: string, pages?: string[], ofExperiment?: boolean}[]}
 */
export const TABS = [
  { page: "leaderboard", title: "Leaderboard", pages: ["model"], ofExperiment: true },
  { page: "curves", title: "Curves", ofExperiment: true },
  { page: "jobs", title: "Jobs", pages: ["job", "day"] },
  { page: "prices", title: "Prices" },
  { page: "storage", title: "Storage" },
  { page: "service", title: "Service" },
]
