/** CommonJS on Node: what is required is what is imported, so that a program has one Effect. */
const assert = require("node:assert/strict")
const { test } = require("node:test")
const Effect = require("effect/Effect")
const { Client } = require("effect-kv-cache")
const { startTestServer } = require("effect-kv-cache/testing")

test("both entries can be required", async () => {
  const server = await startTestServer()
  try {
    const program = Effect.gen(function* () {
      const client = yield* Client
      yield* client.put("a", "1", 10)
      const before = yield* client.get("a")
      yield* Effect.promise(() => server.advance("10 seconds"))
      return [before, yield* client.get("a")]
    })
    const { host, port } = server
    const values = await Effect.runPromise(Effect.provide(program, Client.layer({ host, port })))
    assert.deepEqual(values, ["1", undefined])
  } finally {
    await server.stop()
  }
})

test("an import gives the same", async () => {
  assert.equal((await import("effect-kv-cache")).Client, Client)
  assert.equal((await import("effect-kv-cache/testing")).startTestServer, startTestServer)
})
