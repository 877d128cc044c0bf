/**
 * The client as a service: typed operations over one connection that any number of fibers share.
 *
 * It checks what it sends with the same Schema as the server, and turns replies into values. A miss is a value. What
 * was sent is never sent again by itself, since a PUT or DELETE may have been executed: reconnection, where it is asked
 * for, is for the next request.
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
   * When to try again to connect: for the first connection, and for a new one where a request finds the old one closed.
   * Such as `Schedule.exponential("100 millis").pipe(Schedule.upTo({ times: 5 }))`. Absent: a connection that is lost
   * stays lost.
   */
  readonly reconnect?: Schedule.Schedule<unknown, ClientError> | undefined
}

type RequestError = ClientError | Command.InvalidCommand

export interface ClientService {
  /** Stores a value; `ttl` in seconds, 0 or absent for none. */
  readonly put: (key: string, value: string, ttl?: number) => Effect.Effect<void, RequestError>
  /** The value of a key, or nothing. */
  readonly get: (key: string) => Effect.Effect<string | undefined, RequestError>
  /** Removes a key and says whether it was there. */
  readonly delete: (key: string) => Effect.Effect<boolean, RequestError>
  /** Whether a key is there. */
  readonly exists: (key: string) => Effect.Effect<boolean, RequestError>
  /** Removes every key. */
  readonly flush: Effect.Effect<void, ClientError>
  /**
   * What the server says of itself, as it writes it: `version`, `uptime` (s), `keys`, `bytes`, `hits`, `misses`, `evicted`,
   * `expired`, `connections`, and what a newer server adds.
   */
  readonly stats: Effect.Effect<Readonly<Record<string, string>>, ClientError>
  /** Sends commands as a pipeline and gives their replies, in order. A reply that says no is a `Failed` reply. */
  readonly execute: (
    commands: ReadonlyArray<Command.AnsweredCommand>
  ) => Effect.Effect<ReadonlyArray<Reply>, ClientError>
  /** Ends the connection as the protocol has it, after the answers to all earlier requests. */
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
      options.reconnect === undefined ? attempt : Effect.retry(attempt, options.reconnect)
    ).pipe(Effect.onError(() => Scope.close(connectionScope, Exit.void)))
    current = { connection, scope: connectionScope }
    return connection
  })

  // Time in ms of the last request.
  let usedAt = yield* now

  // A server closes idle connections, and the news may be waiting in the socket: it is read before what is sent would be
  // lost on such a connection.
  const look = Effect.flatMap(now, (time) => {
    const isStale = options.reconnect !== undefined && time - usedAt > STALE_AFTER
    usedAt = time
    return isStale ? EventLoop.look : Effect.void
  })

  // One fiber reconnects, the others wait for it and find the new connection.
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
    // The decoder reads a reply as the answer to its command, so no other kind of reply arrives here.
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

/** ms without a request after which a connection may have been closed for being idle. */
const STALE_AFTER = 1000

const now = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1e6)

/** A closed connection is used, and fails as it should, where nobody asked for a new one. */
const isUsable = (connection: ClientConnection, options: ClientOptions): boolean =>
  options.reconnect === undefined || connection.closedWith === undefined

export class Client extends Context.Service<Client, ClientService>()("effect-kv-cache/client/Client") {
  /** A connected client. */
  static readonly layer = (options: ClientOptions): Layer.Layer<Client, ClientError> =>
    Layer.effect(Client, make(options))
}
