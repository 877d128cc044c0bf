/** A server, its store and a client, and a test server, each with its types. */
import * as assert from "node:assert/strict"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import { Client, type ClientError, Expirer, type ListenError, Server, Store, TextProtocol } from "effect-kv-cache"
import { layerKeyValueStore } from "effect-kv-cache/persistence"
import { type RunningTestServer, startTestServer, type StartOptions, TestServer } from "effect-kv-cache/testing"

const server: Layer.Layer<Server, ListenError> = Server.layer({
  host: "127.0.0.1",
  port: 0,
  maxConnections: 10,
  idleTimeout: Duration.minutes(5),
  shutdownGrace: Duration.seconds(1)
}).pipe(
  Layer.provideMerge(Expirer.layer({ interval: "100 millis" })),
  Layer.provide(Store.layerMemory({ maxKeys: 1000, maxMemory: undefined })),
  Layer.provide(TextProtocol.layer),
  Layer.provide(Logger.layer([]))
)

const store = (key: string, value: string): Effect.Effect<string | undefined, ClientError, Client> =>
  Effect.gen(function* () {
    const client = yield* Client
    yield* client.put(key, value).pipe(Effect.catchTag("InvalidCommand", Effect.die))
    return yield* client.get(key).pipe(Effect.catchTag("InvalidCommand", Effect.die))
  })

const served = Effect.gen(function* () {
  const { address } = yield* Server
  return yield* store("a", "1").pipe(Effect.provide(Client.layer({ host: address.host, port: address.port })))
}).pipe(Effect.provide(server))
assert.equal(await Effect.runPromise(served), "1")

const tested: Effect.Effect<string | undefined, ClientError | ListenError> = store("b", "2").pipe(
  Effect.provide(TestServer.layer({ maxKeys: 10 }))
)
assert.equal(await Effect.runPromise(tested), "2")

const options: StartOptions = { clock: "virtual" }
{
  await using running: RunningTestServer = await startTestServer(options)
  await running.advance("1 second")
  assert.equal(running.now(), 1000)
}

const values: Layer.Layer<KeyValueStore.KeyValueStore> = Layer.provide(
  layerKeyValueStore,
  Store.layerMemory({ maxKeys: 10 })
)
const kept: Effect.Effect<string | undefined, KeyValueStore.KeyValueStoreError> = Effect.gen(function* () {
  const store = yield* KeyValueStore.KeyValueStore
  yield* store.set("a", "größer")
  return yield* store.get("a")
}).pipe(Effect.provide(values))
assert.equal(await Effect.runPromise(kept), "größer")
