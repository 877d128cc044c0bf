/**
 * The admin port: HTTP for people and monitoring, beside the ports that clients use. It shows, and changes nothing.
 *
 * It is there before the server is and after it, so that it can say of both that they are not ready. It knows no commands
 * and no sockets of clients: what it shows is in `Overview.ts`.
 */
import type { Server } from "node:http"
import { Duplex } from "node:stream"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { CurrentAuthentication } from "../auth/Authentication.ts"
import { includes, type Role } from "../auth/Role.ts"
import * as EventLoop from "../EventLoop.ts"
import * as Listener from "../server/Listener.ts"
import { monotonicMillis } from "../store/MemoryEngine.ts"
import { allowedHosts } from "./AllowedHosts.ts"
import { basicCredentials } from "./BasicCredentials.ts"
import { contentSecurityPolicy, HEADERS } from "./ContentSecurity.ts"
import { page as wholePage } from "./page/Document.ts"
import type { Overview } from "./Overview.ts"

export interface AdminConfig {
  readonly host: string
  /** 0 for any free one. */
  readonly port: number
  /** Names beside localhost and the port's own, by which browsers may know it. */
  readonly allowedHosts: ReadonlyArray<string>
  /** Whether it may listen where others can reach it though nobody must say who they are. */
  readonly allowUnauthenticated: boolean
}

/** Clients of the admin port are few. In ms and bytes. */
const LIMITS = {
  connections: 64,
  headerBytes: 8 * 1024,
  headersTimeout: 5000,
  requestTimeout: 10_000,
  /** Prometheus asks every 15 s or so, a page every second. */
  keepAliveTimeout: 20_000,
  /** Without any byte either way. */
  silence: 30_000,
  checkingInterval: 1000
}

/** Answers that are being written when the port closes have so long. */
const GRACE = Duration.millis(500)

/** An event loop that takes longer for two turns is not well, in ms. */
const LATE = 1000

type Respond = (query: string) => Effect.Effect<HttpServerResponse.HttpServerResponse>

interface Endpoint {
  /** Who may see it; nothing if all may. */
  readonly role: Role | undefined
  readonly respond: Respond
}

const say = (status: number, text: string, headers: Readonly<Record<string, string>> = {}) =>
  HttpServerResponse.text(`${text}\n`, { status, headers: { ...HEADERS, ...headers } })

const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

/** A parameter of a query; its bytes, one character each. */
const parameter = (query: string, name: string): string | undefined => {
  const found = query.split("&").find((pair) => pair.startsWith(`${name}=`))
  return found
    ?.slice(name.length + 1)
    .replaceAll("+", " ")
    .replaceAll(/%([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
}

const endpoints = (overview: Overview, now: () => number): ReadonlyMap<string, Endpoint> => {
  const { vitals } = overview
  const pagePolicy = contentSecurityPolicy(wholePage)

  const health: Respond = () =>
    Effect.suspend(() => {
      const asked = now()
      return Effect.map(EventLoop.polled, () => {
        const took = now() - asked
        return took > LATE ? say(503, `the event loop took ${took} ms for two turns`) : say(200, "ok")
      })
    })

  const ready: Respond = () =>
    Effect.sync(() => {
      const { unreadiness } = overview
      return unreadiness === undefined ? say(200, "ready") : say(503, unreadiness)
    })

  const metrics: Respond = () =>
    Effect.map(overview.metrics.prometheus, (text) =>
      HttpServerResponse.text(text, { headers: HEADERS, contentType: METRICS_TYPE })
    )

  const stats: Respond = () =>
    Effect.sync(() => {
      const snapshot = overview.snapshot()
      return snapshot === undefined
        ? say(503, vitals.stage)
        : HttpServerResponse.jsonUnsafe(snapshot, { headers: HEADERS })
    })

  const explain: Respond = (query) =>
    Effect.suspend(() => {
      const key = parameter(query, "key")
      if (key === undefined || key === "") return Effect.succeed(say(400, "expected /explain?key=<key>"))
      const database = parameter(query, "database") ?? "0"
      if (!/^[0-9]{1,2}$/.test(database) || Number(database) >= overview.databases) {
        return Effect.succeed(say(400, `database must be a whole number from 0 to ${overview.databases - 1}`))
      }
      const story = overview.explain(key, Number(database))
      return story === undefined ? Effect.succeed(say(503, vitals.stage)) : Effect.map(story, (text) => say(200, text))
    })

  const page: Respond = () =>
    Effect.succeed(
      HttpServerResponse.text(wholePage, {
        contentType: "text/html; charset=utf-8",
        headers: { ...HEADERS, "content-security-policy": pagePolicy }
      })
    )

  return new Map<string, Endpoint>([
    // Whoever asks whether the server lives has no password, and learns nothing else.
    ["/healthz", { role: undefined, respond: health }],
    ["/readyz", { role: undefined, respond: ready }],
    // Numbers alone.
    ["/metrics", { role: "read", respond: metrics }],
    // Keys, addresses and slow commands of all clients.
    ["/stats.json", { role: "admin", respond: stats }],
    ["/explain", { role: "admin", respond: explain }],
    ["/", { role: "admin", respond: page }]
  ])
}

/** Listens until the scope closes. */
export const listen = Effect.fnUntraced(function* (
  overview: Overview,
  config: AdminConfig
): Effect.fn.Return<Listener.Bound, Listener.ListenError, Scope.Scope> {
  const authentication = yield* CurrentAuthentication
  const all = endpoints(overview, yield* monotonicMillis)
  const isAllowedHost = allowedHosts(config.host, config.allowedHosts)

  /** Nothing if the request may see it. */
  const refusal = Effect.fnUntraced(function* ({ headers, remoteAddress }: HttpServerRequest, role: Role) {
    if (!authentication.isRequired) return undefined
    const credentials = basicCredentials(headers["authorization"])
    const address = Option.getOrElse(remoteAddress, () => "")
    const user = credentials && (yield* authentication.verify(address, credentials.name, credentials.password))
    if (user === undefined) {
      if (credentials !== undefined) overview.vitals.view?.onWrongPassword(address)
      return say(401, "say who you are: name and password of a user of this server", {
        "www-authenticate": 'Basic realm="kv-cache", charset="UTF-8"'
      })
    }
    return includes(user.role, role) ? undefined : say(403, `this takes the role ${role}`)
  })

  const respond = Effect.gen(function* () {
    const request = yield* HttpServerRequest
    const { host } = request.headers
    if (!isAllowedHost(host)) {
      return say(403, "this port is not known by that name; allow it with --admin-allowed-hosts")
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      return say(405, "this port only shows: GET and HEAD", { allow: "GET, HEAD" })
    }
    const [path = "", query = ""] = request.url.split("?", 2)
    const endpoint = all.get(path)
    if (endpoint === undefined) return say(404, "there is no such page; / lists what there is")
    const refused = endpoint.role === undefined ? undefined : yield* refusal(request, endpoint.role)
    return refused ?? (yield* endpoint.respond(query))
  }).pipe(
    Effect.catchDefect((defect) =>
      Effect.as(
        Effect.logError("the admin port could not answer because of a bug in kv-cache", defect),
        say(500, "a bug")
      )
    )
  )

  const http = createServer()
  const server = yield* NodeHttpServer.make(() => http, {
    host: config.host,
    port: config.port,
    gracefulShutdownTimeout: GRACE
  }).pipe(
    Effect.mapError(({ cause }) =>
      Listener.toListenError(
        config,
        "--admin-port",
        cause instanceof Error ? cause : new Error(String(cause)),
        "--admin-host"
      )
    )
  )
  // Before the port waits for its connections, and after the grace period that answers have.
  yield* Effect.addFinalizer(() => Effect.sync(() => http.closeAllConnections()))
  const bound = Listener.boundTo(config, http)
  // No request is answered yet.
  if (!bound.isLoopback && !authentication.isRequired && !config.allowUnauthenticated) {
    return yield* Listener.unprotected(config, "--admin-port")
  }
  yield* server.serve(respond)
  yield* Effect.forkScoped(warm(http))
  return bound
})

/**
 * Has a request answered that nobody has sent: the first one takes ms to compile what it needs, which clients would wait for
 * if it came later.
 */
const warm = (http: Server): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const peer = new Duplex({ read: () => {}, write: (_bytes, _encoding, done) => done() })
    peer.once("close", () => resume(Effect.void))
    http.emit("connection", peer)
    peer.push("GET /healthz HTTP/1.0\r\n\r\n")
    return Effect.sync(() => peer.destroy())
  })

/** Imported as an ES module, `node:http` loads Node's whole fetch, a tenth of the time to start. */
const createServer = () => {
  const server = process.getBuiltinModule("node:http").createServer({
    connectionsCheckingInterval: LIMITS.checkingInterval,
    headersTimeout: LIMITS.headersTimeout,
    keepAliveTimeout: LIMITS.keepAliveTimeout,
    maxHeaderSize: LIMITS.headerBytes,
    noDelay: true,
    requestTimeout: LIMITS.requestTimeout
  })
  server.maxConnections = LIMITS.connections
  server.timeout = LIMITS.silence
  return server
}
