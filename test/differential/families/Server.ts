/** Commands that look into a server, and those for what a cache has none of. */
import { type Compare, type Family, sameKind } from "../Family.ts"

/** What a server says of itself is its own; an error is not. */
const ownWords: Compare = (ours, redis) =>
  ours === redis || (!redis.startsWith("-") && sameKind(ours, redis, []) === undefined)
    ? undefined
    : "the errors or kinds of the replies differ"

export const server: Family = {
  "SLOWLOG|GET": {
    compare: ownWords,
    isSpoilt: false,
    arguments: (draw) => draw.options(0.5, () => [draw.pick(["0", "-1", "x", "-2"])])
  },
  "SLOWLOG|LEN": { compare: ownWords, arguments: () => [] },
  "SLOWLOG|RESET": () => [],
  "LATENCY|LATEST": () => [],
  "LATENCY|HISTORY": () => ["command"],
  "LATENCY|RESET": (draw) => draw.options(0.5, () => ["command"]),
  "LATENCY|GRAPH": () => ["command"],
  "LATENCY|DOCTOR": { compare: ownWords, arguments: () => [] },
  "MEMORY|DOCTOR": { compare: ownWords, arguments: () => [] },
  "MEMORY|PURGE": () => [],
  "MEMORY|STATS": { compare: ownWords, arguments: () => [] },
  "MEMORY|MALLOC-STATS": { compare: ownWords, arguments: () => [] },
  LOLWUT: { compare: ownWords, isSpoilt: false, arguments: () => [] },
  CLUSTER: {
    isSpoilt: false,
    arguments: (draw) => draw.pick([["INFO"], ["SLOTS"], ["SHARDS"], ["MYID"], ["NODES"], ["KEYSLOT", "a"]])
  },
  READONLY: () => [],
  READWRITE: () => [],
  "MODULE|LIST": () => [],
  "FUNCTION|LIST": (draw) => draw.pick([[], ["WITHCODE"], ["LIBRARYNAME", "x"], ["LIBRARYNAME"], ["x"]]),
  "FUNCTION|FLUSH": { isSpoilt: false, arguments: (draw) => draw.pick([[], ["SYNC"], ["async"], ["x"]]) },
  "FUNCTION|DELETE": () => ["x"],
  "FUNCTION|STATS": { compare: ownWords, arguments: () => [] },
  "FUNCTION|KILL": () => [],
  "ACL|WHOAMI": () => [],
  "ACL|USERS": () => [],
  WAIT: { isSpoilt: false, arguments: (draw) => ["0", draw.pick(["0", "1", "x", "-1"])] }
}
