/** A day of sessions against a real server on a real socket, in milliseconds. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { TestServer } from "effect-kv-cache/testing"
import { signIn, signOut, userOf } from "./SessionStore.ts"

it.effect("a session ends after 30 minutes without use", () =>
  Effect.gen(function* () {
    const id = yield* signIn("ada")
    yield* TestClock.adjust("29 minutes")
    assert.strictEqual(yield* userOf(id), "ada")
    yield* TestClock.adjust("30 minutes")
    assert.isUndefined(yield* userOf(id))
  }).pipe(Effect.provide(TestServer.layer()))
)

it.effect("a session in use ends after a day", () =>
  Effect.gen(function* () {
    const id = yield* signIn("ada")
    for (let hour = 0; hour < 48; hour++) {
      assert.strictEqual(yield* userOf(id), "ada")
      yield* TestClock.adjust("1799 seconds")
    }
    assert.strictEqual(yield* userOf(id), "ada")
    yield* TestClock.adjust("1 minute")
    assert.isUndefined(yield* userOf(id))
  }).pipe(Effect.provide(TestServer.layer()))
)

it.effect("signing out ends a session at once, and no other", () =>
  Effect.gen(function* () {
    const [ada, grace] = [yield* signIn("ada"), yield* signIn("grace")]
    assert.isTrue(yield* signOut(ada))
    assert.isFalse(yield* signOut(ada))
    assert.isUndefined(yield* userOf(ada))
    assert.strictEqual(yield* userOf(grace), "grace")
  }).pipe(Effect.provide(TestServer.layer()))
)

it.effect("a cache that hangs is given up after 5 seconds, and the session is still there", () =>
  Effect.gen(function* () {
    const { faults } = yield* TestServer
    const id = yield* signIn("ada")
    faults.set({ kind: "delay", millis: 30_000, times: 1 })
    const asking = yield* Effect.forkChild(Effect.flip(userOf(id)))
    yield* TestClock.adjust("30 seconds")
    assert.strictEqual((yield* Fiber.join(asking))._tag, "TimeoutError")
    assert.strictEqual(yield* userOf(id), "ada")
  }).pipe(Effect.provide(TestServer.layer()))
)

it.effect("nobody stays signed in when the cache is full, and nothing breaks", () =>
  Effect.gen(function* () {
    const ids = yield* Effect.forEach(["ada", "grace", "edsger"], signIn)
    const users = yield* Effect.forEach(ids, userOf)
    assert.deepStrictEqual(users, [undefined, undefined, "edsger"])
  }).pipe(Effect.provide(TestServer.layer({ maxKeys: 3 })))
)
