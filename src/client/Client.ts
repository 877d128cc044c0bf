/**
 * The client as a service: typed operations over one connection that any number of fibers share.
 *
 * It checks what it sends with the server's own Schema and turns replies into values. A miss is a value. A request is
 * never sent twice, because a PUT or DELETE may have been executed. If reconnection is asked for, it serves the next
 * request.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Command from "../domain/Command.ts"
import type { Reply } from "../domain/Reply.ts"
import * as EventLoop from "../EventLoop.ts"
import { textProtocol } from "../protocol/text/TextProtocol.ts"
import { type ClientConnection, connect } from "./ClientConnection.ts"
import { type ClientError, RefusedError } from "./ClientError.ts"
import type { ConnectOptions } from "./ClientSocket.ts"

export interface ClientOptions extends ConnectOptions {
  /**
   * When to try again to connect, both for the first connection and when a request finds the connection closed. For
   * example `Schedule.exponential("100 millis").pipe(Schedule.upTo({ times: 5 }))`. If absent, a lost connection stays
   * lost.
   */
  readonly reconnect?: Schedule.Schedule<unknown, ClientError> | undefined
}

type RequestError = ClientError | Command.InvalidCommand

export interface ClientService {
  /** Stores a value; `ttl` in seconds, 0 or absent for none. */
  readonly put: (key: string, value: string, ttl?: number) => Effect.Effect<void, RequestError>
  /** The value of a key, or `undefined`. */
  readonly get: (key: string) => Effect.Effect<string | undefined, RequestError>
  /** Removes a key and says whether it was there. */
  readonly delete: (key: string) => Effect.Effect<boolean, RequestError>
  /** Whether a key is there. */
  readonly exists: (key: string) => Effect.Effect<boolean, RequestError>
  /** Removes every key. */
  readonly flush: Effect.Effect<void, ClientError>
  /**
   * The server's statistics, as the server writes them: `version`, `uptime` (s), `keys`, `bytes`, `hits`, `misses`,
   * `evicted`, `expired`, `connections`, and more from a newer server.
   */
  readonly stats: Effect.Effect<Readonly<Record<string, string>>, ClientError>
  /** Sends commands as a pipeline and gives their replies in order. A refused command has a `Failed` reply. */
  readonly execute: (
    commands: ReadonlyArray<Command.AnsweredCommand>
  ) => Effect.Effect<ReadonlyArray<Reply>, ClientError>
  /** Sends QUIT. Completes when the server has answered all earlier requests and closed the connection. */
  readonly quit: Effect.Effect<void, ClientError>
}

/** Connects, and closes the connection with the scope. */
const make = Effect.fnUntraced(function* (options: ClientOptions) {
  const scope = yield* Effect.scope
  const lock = yield* Semaphore.make(1)
  let current: { readonly connection: ClientConnection; readonly scope: Scope.Closeable } | undefined

  const open = Effect.gen(function* () {
    if (current !== undefined) yield* Scope.close(current.scope, Exit.void)
    current = undefined
    const connectionScope = yield* Scope.fork(scope)
    const attempt = connect(options, textProtocol).pipe(Scope.provide(connectionScope))
    const connection = yield* (
      options.reconnect === undefined
        ? attempt
        : Effect.retry(attempt, {
            schedule: options.reconnect,
            // It would be refused again, and each time the server has all clients of this address wait longer.
            while: (error) => error._tag !== "AuthenticationError"
          })
    ).pipe(Effect.onError(() => Scope.close(connectionScope, Exit.void)))
    current = { connection, scope: connectionScope }
    return connection
  })

  // The time of the last request, in ms.
  let usedAt = yield* now

  // The server may have closed an idle connection without this process having read the end. So the socket is read
  // first: otherwise the request would be lost on that connection.
  const look = Effect.flatMap(now, (time) => {
    const isStale = options.reconnect !== undefined && time - usedAt > STALE_AFTER
    usedAt = time
    return isStale ? EventLoop.look : Effect.void
  })

  // One fiber reconnects. The others wait for it and find the new connection.
  const usable = Effect.suspend((): Effect.Effect<ClientConnection, ClientError> => {
    if (current !== undefined && isUsable(current.connection, options)) return Effect.succeed(current.connection)
    return lock.withPermits(1)(
      Effect.suspend(() =>
        current !== undefined && isUsable(current.connection, options) ? Effect.succeed(current.connection) : open
      )
    )
  })

  const connection = Effect.andThen(look, usable)

  const execute = (commands: ReadonlyArray<Command.AnsweredCommand>) =>
    Effect.flatMap(connection, (connected) => connected.execute(commands))

  const executeOne = Effect.fnUntraced(function* (command: Command.AnsweredCommand) {
    const [reply] = yield* execute([command])
    if (reply === undefined || reply._tag === "Failed") {
      const message = reply === undefined ? "no reply" : reply.message
      return yield* new RefusedError({ message: `The server refused the ${command._tag} request: ${message}.` })
    }
    return reply
  })

  yield* connection
  return Client.of({
    // The decoder reads each reply as the answer to its command, so no other kind of reply arrives here.
    put: (key, value, ttl) => Effect.asVoid(Effect.flatMap(Command.put(key, value, ttl), executeOne)),
    get: (key) =>
      Effect.map(Effect.flatMap(Command.get(key), executeOne), (reply) =>
        reply._tag === "Found" ? reply.value : undefined
      ),
    delete: (key) => Effect.map(Effect.flatMap(Command.del(key), executeOne), (reply) => reply._tag === "Deleted"),
    exists: (key) =>
      Effect.map(
        Effect.flatMap(Command.exists(key), executeOne),
        (reply) => reply._tag === "Existence" && reply.exists
      ),
    flush: Effect.asVoid(executeOne({ _tag: "Flush" })),
    stats: Effect.map(executeOne({ _tag: "Stats" }), (reply) => (reply._tag === "Statistics" ? reply.fields : {})),
    execute,
    quit: Effect.suspend(() => (current === undefined ? Effect.void : current.connection.quit))
  })
})

/** After this time without a request, in ms, the server may have closed the connection as idle. */
const STALE_AFTER = 1000

const now = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1e6)

/** Without `reconnect`, a closed connection counts as usable: the request fails on it, as it should. */
const isUsable = (connection: ClientConnection, options: ClientOptions): boolean =>
  options.reconnect === undefined || connection.closedWith === undefined

export class Client extends Context.Service<Client, ClientService>()("effect-kv-cache/client/Client") {
  /** A connected client. */
  static readonly layer = (options: ClientOptions): Layer.Layer<Client, ClientError> =>
    Layer.effect(Client, make(options))
}
