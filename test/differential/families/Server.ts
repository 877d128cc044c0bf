/** Commands that concern the server, as far as they can come in any order. What it says of itself is its own. */
import { type Family, ownWords } from "../Family.ts"

const ours = { compare: ownWords, arguments: () => [] }

export const server: Family = {
  "CONFIG|GET": { compare: ownWords, arguments: (draw) => [draw.pick(["maxmemory", "save", "max*", "none", "[a"])] },
  "CONFIG|RESETSTAT": () => [],
  INFO: {
    compare: ownWords,
    arguments: (draw) => draw.list(0, 2, () => draw.pick(["server", "ALL", "keyspace", "none"]))
  },
  TIME: ours,
  LASTSAVE: ours,
  ROLE: () => [],
  "SLOWLOG|GET": {
    isSpoilt: false,
    compare: ownWords,
    arguments: (draw) => draw.list(0, 1, () => draw.pick(["0", "-1", "-2", "x"]))
  },
  "SLOWLOG|LEN": ours,
  "SLOWLOG|RESET": () => [],
  "LATENCY|LATEST": ours,
  "LATENCY|HISTORY": { compare: ownWords, arguments: () => ["command"] },
  "LATENCY|RESET": ours,
  "LATENCY|DOCTOR": ours,
  "MEMORY|STATS": ours,
  "MEMORY|DOCTOR": ours,
  "MEMORY|MALLOC-STATS": ours,
  "MEMORY|PURGE": ours,
  LOLWUT: ours,
  READONLY: () => [],
  READWRITE: () => [],
  "MODULE|LIST": () => [],
  "FUNCTION|LIST": () => [],
  "FUNCTION|FLUSH": {
    isSpoilt: false,
    arguments: (draw) => draw.list(0, 1, () => draw.word(draw.pick(["ASYNC", "SYNC", "NOW"])))
  },
  "FUNCTION|DELETE": () => ["none"],
  "FUNCTION|STATS": ours,
  "FUNCTION|KILL": () => [],
  "ACL|WHOAMI": () => [],
  "ACL|USERS": () => []
}
