/** Clients of Redis with a user and a password: each sends them in its own way, before or together with other commands. */
import { spawn, spawnSync } from "node:child_process"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Redis as IoRedis5 } from "ioredis"
import { Redis as IoRedis6 } from "ioredis6"
import { Redis as IoValkey } from "iovalkey"
import { createClient as createClient6 } from "redis"
import { createClient as createClient5 } from "redis5"
import * as TestServer from "../server/TestServer.ts"
import * as Users from "../server/Users.ts"

const start = Effect.map(
  TestServer.start({ authentication: Users.make(), inTurns: true }),
  ({ address }) => address.port
)

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** What a promise fails with; nothing if it does not. */
const failure = (promise: Promise<unknown>): Promise<string> => promise.then(() => "", messageOf)

interface IoOptions {
  readonly port: number
  readonly host: string
  readonly retryStrategy: () => null
  readonly username?: string
  readonly password?: string
  readonly db?: number
}

const ioClients = [
  { name: "ioredis 5", make: (options: IoOptions) => new IoRedis5(options) },
  { name: "ioredis 6", make: (options: IoOptions) => new IoRedis6(options) },
  { name: "iovalkey", make: (options: IoOptions) => new IoValkey(options) }
]

describe.each(ioClients)("$name", ({ make }) => {
  const open = (port: number, more: Pick<IoOptions, "username" | "password" | "db">) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const client = make({ port, host: "127.0.0.1", retryStrategy: () => null, ...more })
        client.on("error", () => {})
        return client
      }),
      (client) => Effect.sync(() => client.disconnect())
    )

  it.live("comes with a password, and with a user, and chooses a database", () =>
    Effect.gen(function* () {
      const port = yield* start
      const one = yield* open(port, { password: "secret", db: 3 })
      assert.strictEqual(yield* Effect.promise(() => one.set("a", "b")), "OK")
      const two = yield* open(port, { username: "reader", password: "r", db: 3 })
      assert.strictEqual(yield* Effect.promise(() => two.get("a")), "b")
      assert.strictEqual(
        yield* Effect.promise(() => failure(two.set("a", "c"))),
        "NOPERM User reader has no permissions to run the 'set' command"
      )
    })
  )

  it.live("is told that it has none, or a wrong one", () =>
    Effect.gen(function* () {
      const port = yield* start
      const none = yield* open(port, {})
      assert.match(yield* Effect.promise(() => failure(none.get("a"))), /NOAUTH|Connection is closed/)
      const wrong = yield* open(port, { username: "reader", password: "x" })
      assert.match(yield* Effect.promise(() => failure(wrong.get("a"))), /WRONGPASS|NOAUTH|Connection is closed/)
    })
  )
})

/** What the suite uses of a client: the types of the two versions are not each other's. */
interface NodeRedis {
  on(event: "error", listener: () => void): unknown
  connect(): Promise<unknown>
  set(key: string, value: string): Promise<unknown>
  get(key: string): Promise<unknown>
  sendCommand(words: ReadonlyArray<string>): Promise<unknown>
  destroy(): void
}

describe.each<{ readonly name: string; readonly open: (url: string) => NodeRedis }>([
  { name: "node-redis 5", open: (url) => createClient5({ url, socket: { reconnectStrategy: false } }) },
  { name: "node-redis 6", open: (url) => createClient6({ url, socket: { reconnectStrategy: false } }) }
])("$name", ({ open }) => {
  it.live("comes with a password in its address, and is told when it is wrong", () =>
    Effect.gen(function* () {
      const port = yield* start
      const client = yield* Effect.acquireRelease(
        Effect.sync(() => open(`redis://writer:w@127.0.0.1:${port}/2`)),
        (opened) => Effect.sync(() => opened.destroy())
      )
      client.on("error", () => {})
      yield* Effect.promise(() => client.connect())
      yield* Effect.promise(() => client.set("a", "b"))
      assert.strictEqual(yield* Effect.promise(() => client.get("a")), "b")
      assert.include(
        yield* Effect.promise(() => failure(client.sendCommand(["CONFIG", "GET", "port"]))),
        "NOPERM User writer has no permissions to run the 'config|get' command"
      )
      const wrong = open(`redis://writer:x@127.0.0.1:${port}`)
      wrong.on("error", () => {})
      assert.include(yield* Effect.promise(() => failure(wrong.connect())), "WRONGPASS")
    })
  )
})

const hasCli = spawnSync("redis-cli", ["--version"]).status === 0

const cli = (port: number, args: ReadonlyArray<string>, environment: Readonly<Record<string, string>> = {}) =>
  Effect.callback<string>((resume) => {
    const child = spawn("redis-cli", ["-p", String(port), ...args], { env: { ...process.env, ...environment } })
    let output = ""
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString("latin1")))
    child.once("close", () => resume(Effect.succeed(output.trim())))
    child.stdin.end()
  })

describe.skipIf(!hasCli)(hasCli ? "redis-cli" : "redis-cli (not installed)", () => {
  it.live("comes with REDISCLI_AUTH, and with --user and --pass, in both versions of the protocol", () =>
    Effect.gen(function* () {
      const port = yield* start
      assert.strictEqual(yield* cli(port, ["ACL", "WHOAMI"], { REDISCLI_AUTH: "secret" }), "default")
      const reader = ["--user", "reader", "--pass", "r"]
      assert.strictEqual(yield* cli(port, [...reader, "ACL", "WHOAMI"]), "reader")
      assert.strictEqual(yield* cli(port, ["-3", ...reader, "ACL", "WHOAMI"]), "reader")
      assert.match(yield* cli(port, [...reader, "SET", "a", "b"]), /^NOPERM User reader /)
      assert.strictEqual(yield* cli(port, ["GET", "a"]), "NOAUTH Authentication required.")
      assert.match(yield* cli(port, ["-a", "x", "GET", "a"]), /NOAUTH Authentication required\.$/)
    })
  )
})
