/** A whole server for tests, on a port that the system chooses and under the clock of the test. */
import { assert } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as TextProtocol from "../../src/protocol/text/TextProtocol.ts"
import { type AuthenticationService, CurrentAuthentication } from "../../src/auth/Authentication.ts"
import type { ListenError } from "../../src/server/Listener.ts"
import { Server, type ServerService } from "../../src/server/Server.ts"
import { type ServerConfig, settings } from "../../src/server/ServerConfig.ts"
import { CurrentTraffic, Traffic } from "../../src/server/Traffic.ts"
import { Expirer } from "../../src/store/Expirer.ts"
import type { Limits } from "../../src/engine/Limits.ts"
import type { Protocol } from "../../src/protocol/Protocol.ts"
import type { Executor } from "../../src/store/Executor.ts"
import { Store } from "../../src/store/Store.ts"
import * as Logs from "./Logs.ts"
import * as RawClient from "./RawClient.ts"

export interface Options extends Partial<ServerConfig>, Partial<Limits> {
  readonly expireInterval?: Duration.Input
  /** Another executor than the memory's, or another protocol than text. */
  readonly executor?: Layer.Layer<Executor> | undefined
  readonly protocol?: Layer.Layer<Protocol> | undefined
  /** Who may come. Nobody need say who he is, if absent. */
  readonly authentication?: AuthenticationService | undefined
  /** Nothing waits for sockets: what is read is executed at the end of the turn, as where time is real. */
  readonly inTurns?: boolean
}

export interface TestServer extends ServerService {
  readonly logs: Logs.Logs
  readonly connect: (
    options?: RawClient.ConnectOptions
  ) => Effect.Effect<RawClient.RawClient, RawClient.ConnectFailed, Scope.Scope>
  /** To the port for Redis's protocol alone. */
  readonly connectResp: TestServer["connect"]
  /** Completes when nothing is under way between the server and those who read; see `Traffic.ts`. */
  readonly quiet: Effect.Effect<void>
  /** Closes the server's own scope: the drain. */
  readonly close: Effect.Effect<void>
}

/** Starts a server that ends with the scope at the latest. */
export const start = Effect.fnUntraced(function* (
  options: Options = {}
): Effect.fn.Return<TestServer, ListenError, Scope.Scope> {
  const logs = Logs.make()
  const limits: Limits = { maxKeys: options.maxKeys ?? 100_000, maxMemory: options.maxMemory }
  const config: ServerConfig = {
    host: options.host ?? "127.0.0.1",
    port: "port" in options ? options.port : 0,
    respPort: options.respPort,
    allowUnauthenticated: options.allowUnauthenticated,
    tlsPort: options.tlsPort,
    tlsCert: options.tlsCert,
    tlsKey: options.tlsKey,
    tlsCa: options.tlsCa,
    tlsClientAuth: options.tlsClientAuth,
    tlsMinVersion: options.tlsMinVersion,
    maxConnections: options.maxConnections ?? 1000,
    maxClientMemory: options.maxClientMemory,
    maxValueSize: options.maxValueSize,
    idleTimeout: options.idleTimeout ?? settings.idleTimeout.default,
    shutdownGrace: options.shutdownGrace ?? Duration.seconds(5)
  }
  const traffic = yield* Traffic.make
  const layer = Layer.mergeAll(
    Server.layer(config),
    Expirer.layer({ interval: options.expireInterval ?? Duration.minutes(1) })
  ).pipe(
    Layer.provide(options.protocol ?? TextProtocol.layer),
    Layer.provide(options.executor ?? Layer.empty),
    Layer.provide(Store.layerMemory(limits)),
    Layer.provide(Layer.succeed(CurrentTraffic, options.inTurns === true ? undefined : traffic)),
    Layer.provide(
      options.authentication === undefined ? Layer.empty : Layer.succeed(CurrentAuthentication, options.authentication)
    ),
    Layer.provide(logs.layer)
  )
  const scope = yield* Scope.make()
  const close = Scope.close(scope, Exit.void)
  yield* Effect.addFinalizer(() => close)
  const server = Context.get(yield* Layer.buildWithScope(layer, scope), Server)
  return {
    ...server,
    logs,
    quiet: traffic.quiet,
    close,
    connect: (how) => RawClient.connect(server.address, how),
    connectResp: (how) => RawClient.connect(server.respAddress ?? assert.fail("there is no such port"), how)
  }
})

/**
 * Waits until the server reads no more from clients that do not take their replies: its counters stand still while a
 * witness makes round trips, each of which is a turn of the event loop that would have read what there was to read.
 */
export const settled = Effect.fnUntraced(function* (server: TestServer, witness: RawClient.RawClient) {
  let seen = -1
  for (let still = 0; still < 20;) {
    yield* witness.ask("EXISTS witness\n")
    const { bytesIn, bytesOut, store } = yield* server.stats
    // The witness's own bytes are 15 in and 5 out a round trip.
    const others = bytesIn + bytesOut - store.existences * 20
    still = others === seen ? still + 1 : 0
    seen = others
  }
})
