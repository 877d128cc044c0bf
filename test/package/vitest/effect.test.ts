import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { Client } from "effect-kv-cache"
import { TestServer } from "effect-kv-cache/testing"

it.effect("a session ends after 30 minutes", () =>
  Effect.gen(function* () {
    const client = yield* Client
    yield* client.put("session:4711", "ada", 1800)
    yield* TestClock.adjust("29 minutes")
    assert.strictEqual(yield* client.get("session:4711"), "ada")
    yield* TestClock.adjust("1 minute")
    assert.isUndefined(yield* client.get("session:4711"))
  }).pipe(Effect.provide(TestServer.layer()))
)
