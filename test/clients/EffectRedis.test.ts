/** Effect's own client, `NodeRedis`, against `TestServer.layer` in a suite of Effect. */
import * as NodeRedis from "@effect/platform-node/NodeRedis"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { TestServer } from "../../src/testing.ts"

const redis = Layer.unwrap(Effect.map(TestServer, ({ redisUrl }) => NodeRedis.layer({ url: redisUrl }))).pipe(
  Layer.provideMerge(TestServer.layer({ idleTimeout: 0 }))
)

describe("NodeRedis of Effect", () => {
  it.effect("has its time on the TestClock", () =>
    Effect.gen(function* () {
      const { use } = yield* NodeRedis.NodeRedis
      yield* use((client) => client.set("session:4711", "ada", { EX: 1800 }))
      yield* TestClock.adjust("29 minutes")
      assert.strictEqual(yield* use((client) => client.get("session:4711")), "ada")
      assert.strictEqual(yield* use((client) => client.ttl("session:4711")), 60)
      yield* TestClock.adjust("1 minute")
      assert.isNull(yield* use((client) => client.get("session:4711")))
    }).pipe(Effect.provide(redis))
  )

  it.effect("has the Unix time of the TestClock", () =>
    Effect.gen(function* () {
      const { use } = yield* NodeRedis.NodeRedis
      yield* use((client) => client.set("a", "1", { expiration: { type: "PXAT", value: 1_900_000_001_000 } }))
      yield* TestClock.adjust(999)
      assert.strictEqual(yield* use((client) => client.get("a")), "1")
      yield* TestClock.adjust(1)
      assert.isNull(yield* use((client) => client.get("a")))
    }).pipe(
      Effect.provide(redis),
      // Before there are clients, which would live through all of it.
      (test) => Effect.andThen(TestClock.setTime(1_900_000_000_000), test)
    )
  )
})
