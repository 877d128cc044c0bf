/** A test server with an admin port beside it. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as AdminPort from "../../src/admin/AdminPort.ts"
import { Overview } from "../../src/admin/Overview.ts"
import type { Bound, ListenError } from "../../src/server/Listener.ts"
import type { AdminKeys } from "../../src/server/ServerConfig.ts"
import { CurrentVitals } from "../../src/server/Vitals.ts"
import * as TestServer from "../server/TestServer.ts"
import * as Http from "./Http.ts"

export interface Watched extends TestServer.TestServer {
  readonly overview: Overview
  readonly admin: Bound
  /** Asks the admin port. */
  readonly ask: (path: string, options?: Http.Options) => Effect.Effect<Http.Answer, Http.RequestFailed>
}

export interface Options extends TestServer.Options {
  readonly admin?: Partial<AdminPort.AdminConfig>
  readonly adminKeys?: AdminKeys
}

export const listen = (overview: Overview, config: Partial<AdminPort.AdminConfig> = {}) =>
  AdminPort.listen(overview, { host: "127.0.0.1", port: 0, allowedHosts: [], allowUnauthenticated: false, ...config })

/** The admin port is there before the server, and after it. */
export const start = Effect.fnUntraced(function* (
  options: Options = {}
): Effect.fn.Return<Watched, ListenError, Scope.Scope> {
  const overview = yield* Overview.make(options.maxKeys ?? null, options.adminKeys)
  const admin = yield* listen(overview, options.admin)
  const server = yield* Effect.provideService(TestServer.start(options), CurrentVitals, overview.vitals)
  return { ...server, overview, admin, ask: (path, how) => Http.ask(admin, path, how) }
})
