/** Commands that concern the connection and the server, as far as they can come in any order. */
import type { Draw } from "../Draw.ts"
import { type Compare, type Family, sameKind } from "../Family.ts"

const NAMES = ["", "one", "a-name", "with space", "line\n", "caf\xe9", "name"] as const

const database = (draw: Draw): string => (draw.chance(0.9) ? String(draw.below(3)) : draw.pick(["16", "-1"]))

/** What a server says of itself is its own; an error is not. */
const ownWords: Compare = (ours, redis) =>
  ours === redis || (!redis.startsWith("-") && sameKind(ours, redis, []) === undefined)
    ? undefined
    : "the errors or kinds of the replies differ"

export const connection: Family = {
  PING: { isSpoilt: false, arguments: (draw) => (draw.chance(0.5) ? [] : [draw.value()]) },
  ECHO: (draw) => [draw.value()],
  SELECT: { weight: 2, arguments: (draw) => [database(draw)] },
  // Connections keep the version that they begin with: within a transaction, another one counts at once in Redis, and
  // after it here.
  HELLO: {
    compare: ownWords,
    isSpoilt: false,
    arguments: (draw) => (draw.chance(0.7) ? [] : [draw.pick(["1", "4", "x", "9223372036854775807", ""])])
  },
  AUTH: (draw) => draw.pick([["secret"], ["default", "secret"], ["nobody", "secret"], ["a", "b", "c"]]),
  RESET: () => [],
  "CLIENT|GETNAME": () => [],
  "CLIENT|SETNAME": (draw) => [draw.pick(NAMES)],
  "CLIENT|ID": { compare: ownWords, arguments: () => [] },
  "CLIENT|INFO": { compare: ownWords, arguments: () => [] },
  "CLIENT|LIST": {
    compare: ownWords,
    arguments: (draw) =>
      draw.pick([
        () => [],
        () => [draw.word("TYPE"), draw.pick(["normal", "NORMAL", "master", "replica", "pubsub", "x"])],
        () => [draw.word("ID"), draw.pick(["0", "x", "99999999"])]
      ])()
  },
  "CLIENT|NO-EVICT": (draw) => [draw.word(draw.pick(["ON", "OFF", "MAYBE"]))],
  "CLIENT|UNBLOCK": {
    isSpoilt: false,
    arguments: (draw) => [draw.pick(["99999999", "x"]), ...draw.options(0.3, () => [draw.pick(["TIMEOUT", "x"])])]
  },
  "CONFIG|GET": { compare: ownWords, arguments: (draw) => [draw.pick(["maxmemory", "save", "max*", "none", "[a"])] },
  "CONFIG|RESETSTAT": () => [],
  INFO: {
    compare: ownWords,
    arguments: (draw) => draw.list(0, 2, () => draw.pick(["server", "ALL", "keyspace", "none"]))
  },
  TIME: { compare: ownWords, arguments: () => [] },
  LASTSAVE: { compare: ownWords, arguments: () => [] },
  ROLE: () => []
}
