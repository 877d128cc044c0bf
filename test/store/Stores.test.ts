/** All stores run the same suites: in memory, over a server of ours, over a Redis server and a cluster; and the client. */
import { afterAll, beforeAll, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { Client } from "../../src/client/Client.ts"
import { Store } from "../../src/store/Store.ts"
import { TestServer } from "../../src/testing.ts"
import { persistenceContract } from "../persistence/PersistenceContract.ts"
import * as RedisServers from "../support/RedisServers.ts"
import { computationsContract } from "./ComputationsContract.ts"
import { everyStoreContract, wordsContract } from "./EveryStoreContract.ts"
import * as Stores from "./Stores.ts"

const allContracts = (name: string, layer: Layer.Layer<Store>): void => {
  everyStoreContract(name, layer)
  computationsContract(name, layer)
  persistenceContract(name, layer)
}

allContracts("layerMemory", Store.layerMemory({ maxKeys: 1_000_000 }))

allContracts("layerRedis over a server of ours", Stores.ownServer)

wordsContract("a server of ours, through the client", (test) =>
  Effect.provide(Effect.flatMap(Client, test), TestServer.layer())
)

/** Runs the suites over servers that all tests share. */
const overServers = (
  name: string,
  start: Effect.Effect<ReadonlyArray<RedisServers.RedisProcess>, never, Scope.Scope>
): void => {
  describe.skipIf(!RedisServers.isInstalled)(`with ${name}`, () => {
    const scope = Scope.makeUnsafe()
    let nodes: ReadonlyArray<RedisServers.RedisProcess> = []
    beforeAll(async () => {
      nodes = await Effect.runPromise(Scope.provide(start, scope))
    })
    afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))
    allContracts(`layerRedis over ${name}`, Layer.unwrap(Effect.sync(() => Stores.redisServers(nodes))))
  })
}

overServers(
  "a redis-server",
  Effect.map(RedisServers.single(), (server) => [server])
)

overServers(
  "a cluster",
  Effect.map(RedisServers.cluster(0), ({ nodes }) => nodes)
)
