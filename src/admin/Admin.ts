/** All that looks at a server from outside of its connections, as the settings want it: the admin port, and metrics sent. */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { CurrentAuthentication } from "../auth/Authentication.ts"
import * as Listener from "../server/Listener.ts"
import type { AdminKeys } from "../server/ServerConfig.ts"
import { CurrentVitals } from "../server/Vitals.ts"
import * as AdminPort from "./AdminPort.ts"
import * as MetricsPush from "./MetricsPush.ts"
import { Overview } from "./Overview.ts"

export interface AdminSettings {
  readonly adminHost: string
  /** None if it is not given. */
  readonly adminPort: number | undefined
  readonly adminAllowedHosts: ReadonlyArray<string>
  /** How it has keys of clients. */
  readonly adminKeys: AdminKeys
  readonly allowUnauthenticated: boolean
  /** Metrics are sent nowhere if it is not given. */
  readonly otlpUrl: string | undefined
  readonly otlpInterval: Duration.Duration
  readonly otlpHeaders: Readonly<Record<string, string>>
  /** The server's bound. */
  readonly maxKeys: number
}

/**
 * Opens what the settings want, until the scope closes, and gives what a server has to be provided with to be looked at.
 * The server's scope must lie within, so that it can be looked at while it starts and while it drains.
 */
export const open = Effect.fnUntraced(function* (
  settings: AdminSettings
): Effect.fn.Return<Context.Context<never>, Listener.ListenError, Scope.Scope> {
  const { adminHost: host, adminPort: port, otlpUrl: url } = settings
  if (port === undefined && url === undefined) return Context.empty()
  const overview = yield* Overview.make(settings.maxKeys, settings.adminKeys)
  if (port !== undefined) {
    const { adminAllowedHosts: allowedHosts, allowUnauthenticated } = settings
    const bound = yield* AdminPort.listen(overview, { host, port, allowedHosts, allowUnauthenticated })
    yield* Effect.logInfo(`the admin port is http://${Listener.format(bound)}/`)
    if (!bound.isLoopback && !(yield* CurrentAuthentication).isRequired) {
      yield* Effect.logWarning(
        "the admin port is open to the network: whoever can reach it can see keys and clients, because nobody is asked who " +
          "they are (--allow-unauthenticated)"
      )
    }
  }
  if (url !== undefined) {
    yield* MetricsPush.push(overview.metrics, {
      url,
      interval: settings.otlpInterval,
      headers: settings.otlpHeaders
    })
  }
  return Context.make(CurrentVitals, overview.vitals)
})
