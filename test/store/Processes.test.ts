/** Processes that share a Redis server, each with a store of its own: the built library, as its users have it. */
import { type ChildProcess, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as RedisServers from "../support/RedisServers.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

/**
 * Asks the store over the Redis server at a port for keys that it may have to compute, all at the same time. It says on
 * stdout what it has computed and what it was given.
 */
const PROGRAM = `
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { Store } from "./dist/index.js"

const [port, name, keys, leaseFor] = process.argv.slice(1)
const computed = []

const compute = (key) =>
  Effect.suspend(() => {
    computed.push(key)
    if (!key.startsWith("endless") || name !== "first")
      return Effect.delay(Effect.succeed(\`\${key} of \${name}\`), "50 millis")
    process.stdout.write("computing\\n")
    return Effect.never
  })

const program = Effect.gen(function* () {
  const store = yield* Store
  const ask = (key) => store.getOrCompute(key, compute(key), { ttl: "1 hour", leaseFor })
  const given = yield* Effect.forEach(keys.split(","), ask, { concurrency: "unbounded" })
  process.stdout.write(\`\${JSON.stringify({ computed, given })}\\n\`)
})

const layer = Store.layerRedis({ url: \`redis://127.0.0.1:\${port}\`, timeout: "1 minute" })

await Effect.runPromise(Effect.provide(program, Layer.provide(layer, Logger.layer([]))))
`

const Told = Schema.fromJsonString(
  Schema.Struct({ computed: Schema.Array(Schema.String), given: Schema.Array(Schema.String) })
)

const start = (...args: ReadonlyArray<string>): Effect.Effect<ChildProcess, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, ["--input-type=module", "--eval", PROGRAM, ...args], {
        cwd: root,
        stdio: ["ignore", "pipe", "inherit"]
      })
    ),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )

/** The first line that a process says. */
const line = (child: ChildProcess): Effect.Effect<string> =>
  Effect.callback((resume) => {
    let text = ""
    child.stdout?.on("data", (chunk: Buffer) => {
      text += chunk.toString()
      if (text.includes("\n")) resume(Effect.succeed(text.slice(0, text.indexOf("\n"))))
    })
    child.once("exit", (code) => resume(Effect.die(new Error(`the process ended with ${code}: ${text}`))))
  })

describe.skipIf(!RedisServers.isInstalled)("getOrCompute in two processes", () => {
  it.live(
    "computes each key in one of them, and gives both the same",
    Effect.fnUntraced(function* () {
      const redis = yield* RedisServers.single()
      const keys = Array.from({ length: 50 }, (_, number) => `k${number}`)
      const both = yield* Effect.forEach(["first", "second"], (name) =>
        start(String(redis.port), name, keys.join(","), "1 minute")
      )
      const told = yield* Effect.forEach(both, (child) => Effect.flatMap(line(child), Schema.decodeEffect(Told)), {
        concurrency: "unbounded"
      })
      assert.sameMembers(
        told.flatMap(({ computed }) => [...computed]),
        keys
      )
      assert.deepStrictEqual(told[0]?.given, told[1]?.given)
      assert.strictEqual(redis.cli("keys", "kv-cache:lease:*"), "")
    }, Effect.scoped)
  )

  it.live(
    "takes over from one that has died",
    Effect.fnUntraced(function* () {
      const redis = yield* RedisServers.single()
      const first = yield* start(String(redis.port), "first", "endless", "2 seconds")
      assert.strictEqual(yield* line(first), "computing")
      const second = yield* start(String(redis.port), "second", "endless", "2 seconds")
      first.kill("SIGKILL")
      const told = yield* Effect.flatMap(line(second), Schema.decodeEffect(Told))
      assert.deepStrictEqual(told, { computed: ["endless"], given: ["endless of second"] })
    }, Effect.scoped)
  )
})
