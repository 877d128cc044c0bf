/** Redis's protocol in a load test: its bytes, how it judges replies, and runs against this server and a real Redis. */
import * as ChildProcess from "node:child_process"
import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Report from "../../src/loadtest/Report.ts"
import * as LoadTest from "../../src/loadtest/LoadTest.ts"
import { RespWire } from "../../src/loadtest/RespWire.ts"
import { GREETING, INCOMPLETE, MALFORMED, NOTHING } from "../../src/loadtest/Wire.ts"
import { getOf, makeVocabulary, putOf } from "../../src/loadtest/Workload.ts"
import * as TestServer from "../server/TestServer.ts"
import * as Users from "../server/Users.ts"
import { type Changes, optionsOf, wordsOf, workloadOf } from "./Options.ts"

const words = wordsOf(workloadOf())
const key = words.key(7)
const value = words.value(7)

const make = (version: 2 | 3, ttl = 0): RespWire => new RespWire(makeVocabulary(workloadOf()), ttl, version)

const written = (wire: RespWire, item: number): string => {
  const bytes = Buffer.alloc(wire.maxRequestBytes)
  return bytes.toString("latin1", 0, wire.write(bytes, 0, item))
}

describe("RespWire", () => {
  it("writes SET, with EX for a TTL, and GET", () => {
    const set = `$3\r\nSET\r\n$16\r\n${key}\r\n$64\r\n${value}\r\n`
    assert.strictEqual(written(make(3), putOf(7)), `*3\r\n${set}`)
    assert.strictEqual(written(make(3, 60), putOf(7)), `*5\r\n${set}$2\r\nEX\r\n$2\r\n60\r\n`)
    assert.strictEqual(written(make(2), getOf(7)), `*2\r\n$3\r\nGET\r\n$16\r\n${key}\r\n`)
    assert.strictEqual(written(make(3), GREETING), "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n")
    assert.strictEqual(written(make(2), GREETING), `*2\r\n$6\r\nEXISTS\r\n$16\r\n${words.key(0)}\r\n`)
  })

  it("says who it is in its greeting", () => {
    const greeting = (version: 2 | 3, user: string | undefined): string =>
      written(new RespWire(makeVocabulary(workloadOf()), 0, version, { user, password: "secret" }), GREETING)
    const password = "$6\r\nsecret\r\n"
    const ada = "$3\r\nada\r\n"
    assert.strictEqual(greeting(2, undefined), `*2\r\n$4\r\nAUTH\r\n${password}`)
    assert.strictEqual(greeting(2, "ada"), `*3\r\n$4\r\nAUTH\r\n${ada}${password}`)
    const hello = "*5\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$4\r\nAUTH\r\n"
    assert.strictEqual(greeting(3, undefined), `${hello}$7\r\ndefault\r\n${password}`)
    assert.strictEqual(greeting(3, "ada"), `${hello}${ada}${password}`)
  })

  it.each([
    ["+OK\r\n", putOf(7), "stored"],
    [`$64\r\n${value}\r\n`, getOf(7), "hit"],
    [`$64\r\n${words.value(8)}\r\n`, getOf(7), "wrong value"],
    ["$1\r\nx\r\n", getOf(7), "wrong value"],
    ["$-1\r\n", getOf(7), "miss"],
    [":1\r\n", GREETING, "accepted"],
    ["%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nmodules\r\n*0\r\n", GREETING, "accepted"],
    ["-ERR no.\r\n", putOf(7), "refused"],
    ["!8\r\nERR\r\nno.\r\n", putOf(7), "refused"],
    ["-ERR max number of clients reached\r\n", NOTHING, "refused"],
    ["ERROR too many connections: the limit is 1\n", GREETING, "refused"],
    [`>2\r\n+invalidate\r\n*1\r\n+x\r\n+OK\r\n`, putOf(7), "stored"],
    [":1\r\n", putOf(7), "accepted"]
  ] as const)("%j is read whole, and is incomplete at every byte before its end", (reply, asked, outcome) => {
    const wire = make(2)
    const bytes = Buffer.from(`xx${reply}+next\r\n`, "latin1")
    const end = 2 + reply.length
    assert.strictEqual(wire.read(bytes, 2, bytes.length, asked), end)
    assert.strictEqual(wire.outcome, outcome)
    for (let cut = 3; cut < end; cut++) assert.strictEqual(wire.read(bytes, 2, cut, asked), INCOMPLETE, `at ${cut}`)
  })

  it.each(["HTTP/1.1 400 Bad Request\r\n", "OK stored\n", "$x\r\n", "\0\0\0\0"])("%j is no reply", (reply) => {
    const wire = make(3)
    const bytes = Buffer.from(reply, "latin1")
    assert.strictEqual(wire.read(bytes, 0, bytes.length, getOf(7)), MALFORMED)
    assert.match(wire.message, /^[\x20-\x7e]+$/)
  })

  it.each([
    ["-CLUSTERDOWN Hash slot not served\r\n", getOf(7), "CLUSTERDOWN Hash slot not served"],
    ["!12\r\nERR\tno such.\r\n", putOf(7), "ERR?no such"],
    [`-ERR no room for '${key}'\r\n`, putOf(7), "ERR no room for '<key>'"],
    [`-ERR no room for '${key}'\r\n`, putOf(8), `ERR no room for '${key}'`]
  ])("%j, in answer to %d, is the message %j", (reply, asked, message) => {
    const wire = make(3)
    const bytes = Buffer.from(reply, "latin1")
    assert.strictEqual(wire.read(bytes, 0, bytes.length, asked), bytes.length)
    assert.strictEqual(wire.message, message)
  })

  it("says what helps where a server knows no RESP3", () => {
    const wire = make(3)
    const bytes = Buffer.from("-ERR unknown command `HELLO`, with args beginning with: `3`, \r\n")
    assert.strictEqual(wire.read(bytes, 0, bytes.length, GREETING), bytes.length)
    assert.strictEqual(wire.outcome, "refused")
    assert.include(wire.message, "--resp2")
  })
})

const run = (address: { readonly host: string; readonly port: number }, changes: Changes) =>
  Effect.scoped(Effect.flatMap(LoadTest.prepare(optionsOf(address, changes)), (prepared) => prepared.run))

const isInstalled = ChildProcess.spawnSync("redis-server", ["--version"]).status === 0

const freePort = Effect.callback<number>((resume) => {
  const server = Net.createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() => resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0)))
  })
})

/** A Redis of its own, which keeps nothing, as long as the scope is open. */
const redis = Effect.gen(function* () {
  const port = yield* freePort
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no"]
  const server = yield* Effect.acquireRelease(
    Effect.sync(() => ChildProcess.spawn("redis-server", args)),
    (process) => Effect.sync(() => process.kill())
  )
  yield* Effect.callback<void>((resume) => {
    server.stdout.on("data", (text: Buffer) => {
      if (text.includes("Ready to accept connections")) resume(Effect.void)
    })
  })
  return { host: "127.0.0.1", port }
})

describe("a load test of Redis's protocol", () => {
  it.live.each(["resp2", "resp3"] as const)("drives this server by %s and checks every value", (protocol) =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ respPort: 0 })
      for (const address of [server.address, server.respAddress ?? server.address]) {
        const result = yield* run(address, { protocol, requests: 200, ttl: 60, workload: { keys: 50 } })
        assert.deepInclude(result, { total_requests: 400, failed_requests: 0, cache_misses: 0, hit_rate: 1 })
        assert.strictEqual(result.settings.protocol, protocol)
        assert.include(Report.summary(result), `Redis's, ${protocol.toUpperCase()}`)
      }
    })
  )

  it.live.each([
    ["text", "no permission: PUT takes the role write, and reader has read"],
    ["resp2", "NOPERM User reader has no permissions to run the 'set' command"],
    ["resp3", "NOPERM User reader has no permissions to run the 'set' command"]
  ] as const)("by %s keeps what this server says of the requests that it refuses", ([protocol, message]) =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ authentication: Users.make() })
      const credentials = { user: "reader", password: "r" }
      const result = yield* run(server.address, { protocol, requests: 200, credentials })
      assert.deepInclude(result, { errors: { refused: result.put_count }, get_success: result.get_count })
      assert.deepStrictEqual(result.error_messages, [{ kind: "refused", message, count: result.put_count }])
      assert.include(Report.summary(result).replace(/\s+/g, " "), `refused ${result.put_count} ${message}`)
    })
  )

  it.live("says so if the server is full", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ respPort: 0, maxConnections: 1 })
      for (const address of [server.address, server.respAddress ?? server.address]) {
        const error = yield* Effect.flip(run(address, { protocol: "resp3" }))
        assert.match(error.message, /refused the connection: .*(?:too many connections|max number of clients)/)
      }
    })
  )

  it.live.skipIf(!isInstalled)("drives a Redis server, and compares it with this one", () =>
    Effect.gen(function* () {
      const theirs = yield* redis
      const ours = yield* TestServer.start()
      const changes: Changes = { protocol: "resp3", requests: 200, pipeline: 4, workload: { keys: 50 } }
      const [a, b] = [yield* run(theirs, changes), yield* run(ours.address, changes)]
      for (const result of [a, b]) assert.deepInclude(result, { total_requests: 400, failed_requests: 0, hit_rate: 1 })
      assert.deepStrictEqual(Report.differences(a, b), [])
      const text = yield* run(ours.address, { ...changes, protocol: "text" })
      assert.deepStrictEqual(Report.differences(a, text), ["protocol: resp3 against text"])
    })
  )
})
