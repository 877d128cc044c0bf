/**
 * What AUTH, HELLO and roles are answered, beside a real redis-server with the same users. Redis 7.0 words two errors otherwise
 * than 7.2, whose words ours are. A stranger's mistakes are left out: they all have the same answer here.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as RedisServer from "../differential/RedisServer.ts"
import * as Peer from "../differential/Peer.ts"
import * as TestServer from "../server/TestServer.ts"
import * as Users from "../server/Users.ts"

const setUp = [
  "ACL SETUSER reader on >r ~* &* +@all -@write -@admin",
  "ACL SETUSER writer on >w ~* &* +@all -@admin",
  "ACL SETUSER boss on >a ~* &* +@all",
  "ACL SETUSER default on >secret ~* &* +@all"
]

/** Each is a connection of its own. */
const conversations: ReadonlyArray<ReadonlyArray<string>> = [
  ["GET a", "SET a b", "SELECT 1", "MULTI", "INFO", "SUBSCRIBE a"],
  ["AUTH wrong", "AUTH nobody secret", "GET a"],
  ["AUTH boss wrong", "AUTH a b c", "AUTH secret", "ACL WHOAMI"],
  ["HELLO 3", "HELLO 9", "HELLO x", "HELLO 3 AUTH boss x"],
  ["AUTH boss a", "HELLO 3 AUTH boss", "HELLO 3 FOO"],
  ["AUTH reader r", "ACL WHOAMI", "SET a b", "DEL a", "CONFIG GET port", "ACL LIST", "CLIENT LIST", "FLUSHALL"],
  ["AUTH reader r", "MULTI", "SET a b", "GET a", "EXEC", "MULTI", "PING", "EXEC"],
  ["AUTH writer w", "SET a b", "CONFIG SET port 1", "ACL USERS", "SLOWLOG GET", "MONITOR"],
  ["AUTH writer w", "MULTI", "CONFIG GET port", "SET a b", "DISCARD", "GET a"],
  ["AUTH boss a", "ACL USERS", "ACL CAT", "ACL CAT nope", "ACL GETUSER nobody", "CLIENT KILL USER nobody"],
  ["AUTH boss a", "AUTH boss x", "ACL WHOAMI", "RESET", "GET a", "AUTH reader r", "ACL WHOAMI"]
]

const sorted = (reply: string): string => (reply.startsWith("*") ? reply.split("\r\n").toSorted().join("\n") : reply)

/** In the words of Redis 7.2. */
const newer = (name: string, reply: string): string =>
  reply
    .replace("NOPERM this user has", `NOPERM User ${name} has`)
    .replace("otherwise the HELLO AUTH", "otherwise the HELLO <proto> AUTH")

describe.skipIf(RedisServer.installed === undefined)("the words of AUTH and roles", () => {
  it.live("are Redis's, to the byte", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.start
      const admin = yield* Peer.connect({ path: redis })
      yield* admin.ask(setUp.map((line) => line.split(" ")))
      const server = yield* TestServer.start({ authentication: Users.make(), inTurns: true })
      for (const conversation of conversations) {
        const requests = conversation.map((line) => line.split(" "))
        const theirs = (yield* (yield* Peer.connect({ path: redis })).ask(requests)).replies
        const ours = (yield* (yield* Peer.connect(server.address)).ask(requests)).replies
        const name = requests[0]?.[1] ?? ""
        assert.strictEqual(ours.length, theirs.length)
        for (const [index, reply] of ours.entries()) {
          assert.strictEqual(sorted(reply), sorted(newer(name, theirs[index] ?? "")), conversation[index])
        }
      }
    })
  )
})
