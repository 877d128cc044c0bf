/**
 * What it costs to know: a server that counts, samples and remembers, as it does by default and with its admin port open,
 * beside one that does nothing of that. What a scrape costs is in `Scrape.ts`.
 */
import { number } from "../report/Format.ts"
import { freePort } from "../servers/Peers.ts"
import type { Scenario } from "./Scenario.ts"
import { rates } from "./Throughput.ts"
import { filled, pair, type Way } from "./Ways.ts"

const KEYS = 10_000

const start =
  (flags: () => Promise<ReadonlyArray<string>>): Way["start"] =>
  async ({ kvCache }, started) =>
    started.add(await kvCache.start(...(await flags())))

const on = filled(
  "everything on",
  KEYS,
  start(async () => ["--admin-port", String(await freePort())])
)
const off = filled(
  "everything off",
  KEYS,
  start(async () => ["--ghosts", "0", "--sampling", "off"])
)

const sight = (name: string, pipeline: number, what: string): Scenario =>
  pair({
    name,
    about: "metrics, ghosts, miss-ratio curve and hot keys on, beside all of it off",
    title: `Everything on (metrics, ghosts, curve, sampling) and everything off; ${number(KEYS)} keys, half PUT`,
    ours: on,
    theirs: off,
    requests: { keys: KEYS, pipeline },
    target: { what, bound: "at least", target: 0.97, of: rates }
  })

export const sightUnpipelined = sight("sight", 1, "everything on, unpipelined: of everything off")
export const sightPipelined = sight("sight-pipeline", 16, "everything on, pipeline 16: of everything off")
