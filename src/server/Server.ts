/**
 * The server: listens, gives each accepted socket a supervised fiber, refuses what is over the limit, and drains at the
 * end of its scope.
 *
 * It knows sockets, not commands: what flows through a connection is in `Connection.ts`.
 */
import type { Socket } from "node:net"
import * as Cause from "effect/Cause"
import type * as Config from "effect/Config"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Record from "effect/Record"
import { CurrentAuthentication } from "../auth/Authentication.ts"
import * as Reply from "../domain/Reply.ts"
import * as EventLoop from "../EventLoop.ts"
import { MAX_KEY_LENGTH } from "../engine/Limits.ts"
import type { Insight } from "../insight/Insight.ts"
import { Protocol } from "../protocol/Protocol.ts"
import { RespReplyWriter } from "../protocol/resp/RespReplyWriter.ts"
import { Executor, type StoreStats } from "../store/Executor.ts"
import { CurrentCollector } from "../store/Garbage.ts"
import { MemoryEngine, monotonicMicros, monotonicMillis, unixTimeOf } from "../store/MemoryEngine.ts"
import { version } from "../Version.ts"
import { advice } from "./Advice.ts"
import { ClientMemory } from "./ClientMemory.ts"
import { Clients } from "./Clients.ts"
import { Connection, type ConnectionContext } from "./Connection.ts"
import { Departures } from "./Departures.ts"
import { CurrentFaults } from "./Faults.ts"
import { engineStatistics } from "./EngineFields.ts"
import { IdleWatch } from "./IdleWatch.ts"
import { Instance } from "./Instance.ts"
import { CurrentIntake, descriptorOf } from "./Intake.ts"
import * as Listener from "./Listener.ts"
import { Observation } from "./Observation.ts"
import { Pause } from "./Pause.ts"
import { withoutClash } from "./PortClash.ts"
import { parametersOf } from "./ServerParameters.ts"
import { Roster } from "./Roster.ts"
import { Running } from "./Running.ts"
import { type ServerConfig, serverConfig, settings } from "./ServerConfig.ts"
import type { PortKind } from "./Session.ts"
import { SharedWriter } from "./SharedWriter.ts"
import { SparseWarning } from "./SparseWarning.ts"
import { Strangers } from "./Strangers.ts"
import * as Supervisor from "./Supervisor.ts"
import { CurrentSystemLimits } from "./SystemLimits.ts"
import { CurrentTraffic } from "./Traffic.ts"
import { TLS, tlsFilesOf } from "./TlsFiles.ts"
import * as TlsPort from "./TlsPort.ts"
import { Tracking } from "./Tracking.ts"
import { Transactions } from "./Transactions.ts"
import { Turn } from "./Turn.ts"
import { VirtualClock } from "./VirtualClock.ts"
import { CurrentVitals } from "./Vitals.ts"
import * as ServerCounters from "./ServerCounters.ts"

export interface ServerStats extends Readonly<ServerCounters.ServerCounters> {
  readonly store: StoreStats
}

export interface ServerService {
  /**
   * Where clients connect; the port that was found if 0 was asked for. Without a plain port it is the one for TLS.
   */
  readonly address: Listener.Bound
  /** Where clients connect with TLS, if there is such a port. */
  readonly tlsAddress: Listener.Bound | undefined
  /** Where only Redis's clients connect, if there is such a port. */
  readonly respAddress: Listener.Bound | undefined
  readonly stats: Effect.Effect<ServerStats>
  /** What there is to say of the size of the cache, if there is something. */
  readonly advice: Effect.Effect<string | undefined>
}

export class Server extends Context.Service<Server, ServerService>()("effect-kv-cache/server/Server") {
  /**
   * Listens while its scope is open. Where others can connect, it fails unless clients must say who they are (see
   * `Credentials.layer`) or `allowUnauthenticated` is set. When it closes, nothing is accepted any more, what was received is answered and
   * flushed, and every connection ends within `shutdownGrace`, whatever its peer does.
   */
  static readonly layer = (config: ServerConfig): Layer.Layer<Server, Listener.ListenError, Executor | Protocol> =>
    Layer.effect(Server, make(config))

  /** The same with the settings of the ConfigProvider: `KV_CACHE_PORT` and so on from the environment, by default. */
  static readonly layerConfig: Layer.Layer<Server, Listener.ListenError | Config.ConfigError, Executor | Protocol> =
    Layer.effect(
      Server,
      Effect.flatMap(serverConfig, (config) => make(config))
    )
}

/** What Redis says to a client that is one too many. */
const TOO_MANY = "-ERR max number of clients reached\r\n"

const counted = (connections: number): string => `${connections} ${connections === 1 ? "connection" : "connections"}`

/** The share of the grace period that clients have; the rest is for cutting them and for the process to end. */
const DRAIN_SHARE = 0.9

/** The misses by what became of the key, if that is known, with the names that STATS gives them. */
const missesByReason = (insight: Insight | undefined): Readonly<Record<string, number>> =>
  insight === undefined ? {} : Record.mapKeys(insight.misses(), (reason) => `misses_${reason}`)

const make = Effect.fnUntraced(function* (config: ServerConfig) {
  const executor = yield* Executor
  // Another executor may have another backing.
  const memory = Option.getOrUndefined(yield* Effect.serviceOption(MemoryEngine))
  const now = yield* monotonicMillis
  const protocol = yield* Protocol
  const counters = ServerCounters.make()
  const defects = (): number => counters.defects + (memory?.defects.failedSweeps ?? 0)
  const connections = new Roster<Connection, Connection>()
  const idleWatch = new IdleWatch(
    Duration.toMillis(config.idleTimeout),
    now,
    // Somebody has set a timeout if it is not the very default, however long it is.
    config.idleTimeout === settings.idleTimeout.default
  )
  yield* Effect.forkScoped(idleWatch.run)
  // Closed after the drain below, it interrupts what is left, and so destroys its sockets.
  const fibers = yield* Supervisor.make
  const authentication = yield* CurrentAuthentication
  const faults = yield* CurrentFaults
  const traffic = yield* CurrentTraffic
  const vitals = yield* CurrentVitals
  const clock = Option.getOrUndefined(yield* Effect.serviceOption(VirtualClock))
  const instance = new Instance(now(), unixTimeOf(yield* Clock.Clock, now))
  const observation = new Observation(executor.statistics, instance)
  const pause = new Pause()
  const running = new Running(config.maxConnections, counters, executor, now())
  if (clock !== undefined) {
    yield* clock.onReset(() => {
      instance.startedAt = now()
      const pending = executor.clear(instance.startedAt)
      if (pending !== undefined) fibers.run(pending)
    })
  }
  let warnedOfHttp = false
  let warnedOfTls = false
  const maxClientMemory = config.maxClientMemory ?? settings.maxClientMemory.default
  const overMemory = new SparseWarning(
    (count) =>
      `clients held more than ${maxClientMemory} bytes of memory: ${count} of them closed, those that held most ` +
      "(--max-client-memory)"
  )
  yield* Effect.forkScoped(overMemory.run)
  const departures = new Departures(yield* CurrentCollector)
  yield* Effect.forkScoped(departures.run)
  const onError = executor.statistics.answeredError
  const turn = new Turn(executor, { now, afterReads: EventLoop.afterReads })
  const clients = new Clients()
  const strangers = new Strangers(counters, now)
  yield* Effect.forkScoped(strangers.run)
  let wrongIp = ""
  const wrongPasswords = new SparseWarning(
    (count) => `wrong users or passwords: ${count}, the last one from ${wrongIp}`
  )
  yield* Effect.forkScoped(wrongPasswords.run)
  const tracking = new Tracking(executor.changes, clients, (task) => turn.afterRun(task))
  // A key is a string, too.
  const maxBulk = Math.max(config.maxValueSize ?? settings.maxValueSize.default, MAX_KEY_LENGTH)
  const context: ConnectionContext = {
    now,
    turn,
    session: {
      protocol,
      maxBulk,
      writers: {
        text: new SharedWriter(() => protocol.makeReplyWriter(onError)),
        resp: {
          2: new SharedWriter(() => new RespReplyWriter(2, onError)),
          3: new SharedWriter(() => new RespReplyWriter(3, onError))
        }
      },
      counters,
      clients,
      authentication,
      strangers,
      instance,
      executor,
      running,
      tracking,
      observation,
      pause,
      micros: yield* monotonicMicros,
      parameters: parametersOf({ maxBulk, instance, executor, running, idleWatch, observation, tracking, now }),
      transactions: new Transactions(executor, now),
      statistics: (at) => {
        const { bytes, evicted, expired, held, hits, keys, misses } = executor.stats()
        const { authenticationFailures, strangersClosed, tlsFailures } = counters
        const numbers = {
          uptime: instance.uptime(at),
          keys,
          bytes,
          held,
          hits,
          misses,
          ...missesByReason(executor.insight),
          evicted,
          expired,
          connections: counters.open,
          auth_failures: authenticationFailures,
          unauthenticated_closed: strangersClosed,
          tls_failures: tlsFailures
        }
        return Reply.statistics({
          version,
          ...Record.map({ ...numbers, defects: defects() }, String),
          ...engineStatistics(executor.engine)
        })
      },
      clock,
      onWrongPassword: (ip) => {
        counters.authenticationFailures++
        wrongIp = ip
        wrongPasswords.add()
      },
      onHttp: () => {
        if (warnedOfHttp) return
        warnedOfHttp = true
        fibers.run(Effect.logWarning("a client spoke HTTP, was told so, and was cut off; this is said once"))
      },
      onTls: () => {
        if (warnedOfTls) return
        warnedOfTls = true
        const hint = config.tlsPort === undefined ? "give this server a port for it with --tls-port" : "see --tls-port"
        fibers.run(
          Effect.logWarning(`a client spoke TLS to a port without it, and was cut off (${hint}); this is said once`)
        )
      }
    },
    counters,
    intake: yield* CurrentIntake,
    idleWatch,
    faults,
    traffic,
    fork: fibers.run,
    memory: new ClientMemory(maxClientMemory),
    departures,
    onMemory: () => {
      counters.overMemory++
      overMemory.add()
    },
    onDefect: (defect) => {
      counters.defects++
      fibers.run(Effect.logError("a connection is closed because of a bug in kv-cache", Cause.die(defect)))
      memory?.defects.caught(defect)
    }
  }

  // Asked once: on a busy server ten thousand connections come and go whose opening nobody wants to read.
  const logsConnections = yield* LogLevel.isEnabled("Debug")

  const withLogs = (connection: Connection, served: Effect.Effect<void>): Effect.Effect<void> => {
    // Now: the system knows it no more when the connection has been reset.
    const { peer } = connection
    return Effect.logDebug("connection opened").pipe(
      Effect.andThen(served),
      Effect.ensuring(Effect.suspend(() => Effect.logDebug(`connection ${connection.closeReason}`))),
      Effect.annotateLogs({ peer })
    )
  }

  const serve = (socket: Socket, port: PortKind): void => {
    const connection = new Connection(socket, context, port)
    connections.set(connection, connection)
    idleWatch.add(connection)
    counters.accepted++
    counters.open++
    const leave = Effect.sync(() => {
      connections.delete(connection)
      connection.leave()
      idleWatch.delete(connection)
      counters.open--
      if (connection.closeReason === "closed as idle") counters.idled++
    })
    const served = Effect.ensuring(connection.serve, leave)
    fibers.run(logsConnections ? withLogs(connection, served) : served)
  }

  const refusals = new SparseWarning(
    (count) => `too many connections: ${count} refused, the limit is ${running.maxClients} (--max-connections)`
  )
  yield* Effect.forkScoped(refusals.run)

  const refuse = (socket: Socket, port: PortKind): void => {
    counters.refused++
    refusals.add()
    const reply = Reply.failed(`too many connections: the limit is ${running.maxClients}`)
    socket.on("error", () => socket.destroy())
    socket.end(port === "resp" ? TOO_MANY : protocol.encodeReply(reply), "latin1")
    socket.destroySoon()
  }

  yield* Effect.addFinalizer(() =>
    Effect.gen(function* () {
      vitals?.drains()
      if (connections.size === 0) return
      context.turn.shareNoMore()
      pause.end()
      yield* Effect.logInfo(`shutting down: finishing ${counted(connections.size)}`)
      yield* Effect.forEach(connections.values(), (connection) => connection.finish, {
        concurrency: "unbounded",
        discard: true
      }).pipe(Effect.andThen(fibers.ended), Effect.timeoutOption(Duration.times(config.shutdownGrace, DRAIN_SHARE)))
      if (connections.size === 0) return
      yield* Effect.logWarning(`the grace period is over: cutting ${counted(connections.size)}`)
    })
  )
  const { descriptors } = yield* CurrentSystemLimits
  // The system gives the lowest descriptor that is free: with the last one it is known how many clients there may be.
  let capacity = Number.POSITIVE_INFINITY
  const shortages = new SparseWarning(
    () =>
      `file descriptors have run out with ${capacity} clients connected: ` +
      "surplus clients are closed without an answer until others leave; raise the limit of open files (ulimit -n)"
  )
  yield* Effect.forkScoped(shortages.run)
  const watchDescriptors = (socket: Socket): void => {
    if (descriptors !== undefined && descriptorOf(socket) === descriptors - 1) capacity = counters.open + 1
    if (counters.open + 1 >= capacity) shortages.add()
  }

  let failure = ""
  const failures = new SparseWarning(
    (count) => `connections could not be accepted: ${count}, the last one by ${failure}`
  )
  yield* Effect.forkScoped(failures.run)

  // Also where the settings come from the environment: who sets an address there may not know what it opens.
  const isOpenToAll = config.allowUnauthenticated === true || authentication.isRequired
  const certificates = (flag: string): string => {
    if (config.tlsClientAuth !== "yes") return "require TLS client certificates (--tls-client-auth yes)"
    const without = flag === "--port" ? "give --port off" : `leave ${flag} out`
    return `${without}, as certificates are asked for at --tls-port alone`
  }

  const admit = (socket: Socket, port: PortKind): void => {
    const isCut = faults?.refusesConnection() === true
    const hasRoom = authentication.isRequired
      ? strangers.makeRoom(socket.remoteAddress ?? "")
      : counters.open < running.maxClients
    if (!isCut && hasRoom) return serve(socket, port)
    traffic?.accepted(socket)
    socket.once("close", () => traffic?.left(socket))
    if (isCut) socket.destroy()
    else refuse(socket, port)
  }

  const listen = (at: Listener.Address, onSocket: (socket: Socket) => void, flag: string, isOpen = isOpenToAll) =>
    Listener.listen(
      at,
      (socket) => {
        watchDescriptors(socket)
        onSocket(socket)
      },
      (error) => {
        failure = error.message
        failures.add()
      },
      flag,
      isOpen ? undefined : Listener.unprotected(at, flag, certificates(flag))
    ).pipe(Effect.tap((bound) => Effect.sync(() => traffic?.listens(bound))))

  const { host, port, respPort, tlsPort } = config
  const tlsFiles = yield* Effect.fromResult(tlsFilesOf(config))
  if (port === undefined && tlsPort === undefined) {
    return yield* new Listener.ListenError({
      code: TLS,
      message: "--port off without --tls-port leaves no port to listen on: give one with --tls-port."
    })
  }
  yield* Effect.fromResult(withoutClash(config))
  // Released before the drain begins: finalizers run in reverse order.
  const tls =
    tlsFiles === undefined ? undefined : yield* TlsPort.make(tlsFiles, counters, (socket) => admit(socket, "any"))
  const plain =
    port === undefined ? undefined : yield* listen({ host, port }, (socket) => admit(socket, "any"), "--port")
  if (plain !== undefined) instance.listens(plain)
  const tlsAddress =
    tls === undefined || tlsPort === undefined
      ? undefined
      : yield* listen({ host, port: tlsPort }, tls.accept, "--tls-port", isOpenToAll || config.tlsClientAuth === "yes")
  const respAddress =
    respPort === undefined
      ? undefined
      : yield* listen({ host, port: respPort }, (socket) => admit(socket, "resp"), "--resp-port")
  const address = plain ?? tlsAddress ?? respAddress ?? { host, port: 0, isLoopback: false }
  vitals?.serves({ ...context.session, now, defects, maxClientMemory })
  return Server.of({
    address,
    tlsAddress,
    respAddress,
    advice: Effect.sync(() => {
      const { hits, misses } = executor.stats()
      return advice(hits, misses, executor.insight?.curve(now()))
    }),
    stats: Effect.sync(() => ({ ...counters, defects: defects(), store: executor.stats() }))
  })
})
