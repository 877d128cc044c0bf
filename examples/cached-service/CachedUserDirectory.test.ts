/** The cached directory against a real server on a real socket: minutes pass at once, and stalls on purpose. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { TestServer } from "effect-kv-cache/testing"
import * as CachedUserDirectory from "./CachedUserDirectory.ts"
import { UnknownUser, UserDirectory } from "./UserDirectory.ts"

/** A directory that knows two users and is slow, and the ids that it has been asked for. */
const slowDirectory = () => {
  const names = new Map([
    ["1", "Ada Lovelace"],
    ["2", "小林 一茶".repeat(20)]
  ])
  const asked: Array<string> = []
  const nameOf = Effect.fnUntraced(function* (id: string) {
    asked.push(id)
    yield* Effect.sleep("2 seconds")
    const name = names.get(id)
    return name === undefined ? yield* new UnknownUser({ id }) : name
  })
  return { names, asked, layer: Layer.succeed(UserDirectory, UserDirectory.of({ nameOf })) }
}

const cached = (directory: ReturnType<typeof slowDirectory>) =>
  CachedUserDirectory.layer.pipe(Layer.provide(directory.layer), Layer.provideMerge(TestServer.layer()))

/** Asks for a name, and gives it the time that it needs. */
const nameOf = Effect.fnUntraced(function* (id: string) {
  const directory = yield* UserDirectory
  const asking = yield* Effect.forkChild(directory.nameOf(id))
  yield* TestClock.adjust("3 seconds")
  return yield* Fiber.join(asking)
})

it.effect("a name is looked up once in five minutes", () => {
  const directory = slowDirectory()
  return Effect.gen(function* () {
    assert.strictEqual(yield* nameOf("1"), "Ada Lovelace")
    directory.names.set("1", "Ada King")
    assert.strictEqual(yield* nameOf("1"), "Ada Lovelace")
    assert.deepStrictEqual(directory.asked, ["1"])

    yield* TestClock.adjust("5 minutes")
    assert.strictEqual(yield* nameOf("1"), "Ada King")
    assert.deepStrictEqual(directory.asked, ["1", "1"])
  }).pipe(Effect.provide(cached(directory)))
})

it.effect("a name that the cache cannot hold is looked up each time", () => {
  const directory = slowDirectory()
  return Effect.gen(function* () {
    const name = directory.names.get("2")
    assert.strictEqual(yield* nameOf("2"), name)
    assert.strictEqual(yield* nameOf("2"), name)
    assert.deepStrictEqual(directory.asked, ["2", "2"])
  }).pipe(Effect.provide(cached(directory)))
})

it.effect("nobody is remembered as unknown", () => {
  const directory = slowDirectory()
  return Effect.gen(function* () {
    assert.deepStrictEqual(yield* Effect.flip(nameOf("3")), new UnknownUser({ id: "3" }))
    directory.names.set("3", "Grace Hopper")
    assert.strictEqual(yield* nameOf("3"), "Grace Hopper")
  }).pipe(Effect.provide(cached(directory)))
})

it.effect("a cache that hangs costs a moment, and one that is gone not even that", () => {
  const directory = slowDirectory()
  return Effect.gen(function* () {
    const { faults } = yield* TestServer
    faults.set({ kind: "delay", millis: 30_000 })
    assert.strictEqual(yield* nameOf("1"), "Ada Lovelace")
    faults.set({ kind: "close", afterReplies: 0 })
    assert.strictEqual(yield* nameOf("1"), "Ada Lovelace")
    assert.deepStrictEqual(directory.asked, ["1", "1"])
  }).pipe(Effect.provide(cached(directory)))
})
