/**
 * Bytes at random on both sides of AUTH, over real sockets, cut anywhere: no defect, nothing stored by strangers, only whole
 * answers, and others are served all the while.
 *
 * 300 connections for each case, or KV_CACHE_FUZZ_CONNECTIONS; KV_CACHE_FUZZ_SEED another sequence.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { seededRandom } from "../engine/SeededRandom.ts"
import { exchange, request } from "../server/resp/Exchanges.ts"
import * as TestServer from "../server/TestServer.ts"
import * as Users from "../server/Users.ts"

const CONNECTIONS = Number(process.env["KV_CACHE_FUZZ_CONNECTIONS"] ?? 300)
const SEED = Number(process.env["KV_CACHE_FUZZ_SEED"] ?? 20_261_125)

const frames = {
  resp: [
    request("AUTH", "wrong"),
    request("AUTH", "boss", "wrong"),
    request("HELLO", "3", "AUTH", "default", "wrong", "SETNAME", "me"),
    request("HELLO", "2"),
    request("PING"),
    request("SET", "k", "v"),
    request("MULTI"),
    request("EXEC"),
    request("ACL", "LIST"),
    "PING\r\n",
    'SET k "v\r\n',
    "*2\r\n$3\r\nGET\r\n$600\r\n"
  ],
  text: [
    "AUTH wrong\n",
    "AUTH boss wrong\n",
    "PUT k v\n",
    "GET k\n",
    "\n",
    "AUTH\n",
    "STATS\r\n",
    `${"x".repeat(600)}\n`
  ]
} as const

/** One line, or one reply of Redis's, after the other: nothing else. */
const answers = {
  resp: /^(?:[+-][^\r\n]*\r\n|[:#][0-9-]+\r\n|_\r\n|[*%~][0-9-]+\r\n|\$-1\r\n|[$=][0-9]+\r\n[^]*?\r\n)*$/,
  text: /^(?:(?:OK|ERROR)(?: [\x20-\x7e]*)?\n)*(?:HTTP\/1\.1 400 [^]*)?$/
}

describe.each(["text", "resp"] as const)("random bytes in %s", (protocol) => {
  for (const isKnown of [false, true]) {
    it.effect(`${isKnown ? "after" : "before"} AUTH break nothing`, () =>
      Effect.gen(function* () {
        const random = seededRandom(SEED + (isKnown ? 1 : 0))
        const users = Users.make()
        const server = yield* TestServer.start({ authentication: users, inTurns: true })
        const witness = yield* server.connect()
        yield* exchange(witness, "AUTH secret", "+OK\r\n")
        for (let connection = 0; connection < CONNECTIONS; connection++) {
          const own = frames[protocol]
          let sent = ""
          for (let frame = random.below(12); frame >= 0; frame--) sent += own[random.below(own.length)] ?? ""
          const bytes = Buffer.from(sent, "latin1")
          for (let change = random.below(4); change > 0; change--) bytes[random.below(bytes.length)] = random.below(256)
          // The first byte chooses the protocol.
          if (protocol === "resp") bytes[0] = 0x2a
          const client = yield* server.connect()
          if (isKnown) {
            const [greeting, welcome] =
              protocol === "resp"
                ? [request("AUTH", "reader", "r"), "+OK\r\n"]
                : ["AUTH reader r\n", "OK authenticated\n"]
            yield* client.send(greeting)
            assert.strictEqual(yield* client.lines(1), welcome)
          }
          for (let at = 0; at < bytes.length;) {
            const next = at + 1 + random.below(bytes.length - at)
            yield* client.sendFlushed(bytes.subarray(at, next))
            at = next
          }
          yield* client.endSide
          const { text } = yield* client.untilEnd
          assert.match(text, answers[protocol], JSON.stringify(bytes.toString("latin1")))
          if (connection % 20 === 0) yield* exchange(witness, "EXISTS k", ":0\r\n")
        }
        const { defects, store } = yield* server.stats
        assert.deepStrictEqual([defects, store.keys], [0, 0])
      })
    )
  }
})
