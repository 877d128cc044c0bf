/** ES modules, under node:test. */
import assert from "node:assert/strict"
import { once } from "node:events"
import * as net from "node:net"
import { test } from "node:test"
import * as Effect from "effect/Effect"
import { Client } from "effect-kv-cache"
import { startTestServer } from "effect-kv-cache/testing"

test("a key expires between two requests", async () => {
  const server = await startTestServer()
  try {
    const socket = net.connect(server.port, server.host)
    const ask = async (line) => {
      socket.write(`${line}\n`)
      return String((await once(socket, "data"))[0])
    }
    assert.equal(await ask("PUT token t 30"), "OK stored\n")
    await server.advance("30 seconds")
    assert.equal(await ask("GET token"), "ERROR key not found\n")
  } finally {
    await server.stop()
  }
})

test("the client talks to it", async () => {
  const server = await startTestServer()
  try {
    const program = Effect.gen(function* () {
      const client = yield* Client
      yield* client.put("a", "1")
      return yield* client.get("a")
    })
    const { host, port } = server
    assert.equal(await Effect.runPromise(Effect.provide(program, Client.layer({ host, port }))), "1")
  } finally {
    await server.stop()
  }
})
