/**
 * A real server on a real socket whose time a test can move: the package's `effect-kv-cache/testing` entry.
 *
 * There are two ways to start one. `TestServer.layer` is for suites of Effect: under `it.effect` it runs on their
 * `TestClock`. `startTestServer` is for any other test runner and brings a virtual clock of its own. Store, expirer,
 * sockets and protocol are those of production, line for line. Only the Clock's layer differs.
 */
// Imported, not global: test runners with fake timers replace the globals, and then nothing would run.
import { performance } from "node:perf_hooks"
import { clearImmediate, clearTimeout, setImmediate, setTimeout } from "node:timers"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Scheduler from "effect/Scheduler"
import * as Scope from "effect/Scope"
import { Client } from "./client/Client.ts"
import type { ClientError } from "./client/ClientError.ts"
import type { ClockAction } from "./domain/Command.ts"
import * as TextProtocol from "./protocol/text/TextProtocol.ts"
import { CurrentFaults, Faults } from "./server/Faults.ts"
import type { ListenError } from "./server/Listener.ts"
import * as QuietClock from "./server/QuietClock.ts"
import { Server, type ServerStats } from "./server/Server.ts"
import { settings } from "./server/ServerConfig.ts"
import { VirtualClock } from "./server/VirtualClock.ts"
import { Expirer } from "./store/Expirer.ts"
import type { Limits } from "./engine/Limits.ts"
import { Store } from "./store/Store.ts"

export type { Fault, FaultKind, Faults } from "./server/Faults.ts"
export type { ServerStats } from "./server/Server.ts"

/** What a test may set differently from a server's defaults. */
export interface TestServerOptions extends Partial<Limits> {
  /** The most clients that may be connected at once. */
  readonly maxConnections?: number | undefined
  /** A connection without a request for this long is closed. 0 means never. Default: 300 s, as in production. */
  readonly idleTimeout?: Duration.Input | undefined
  /** The least time between two sweeps that free expired keys. Default: 100 ms, as in production. */
  readonly expireInterval?: Duration.Input | undefined
  /** The seed for faults with a probability. The same seed decides in the same way. Default: 1. */
  readonly seed?: number | undefined
}

export interface TestServerService {
  readonly host: string
  /** The free port that was found. */
  readonly port: number
  /** `host:port` */
  readonly address: string
  /** `redis://host:port`, for clients of Redis: the same port. */
  readonly redisUrl: string
  readonly stats: Effect.Effect<ServerStats>
  /** What goes wrong on purpose; nothing at first. */
  readonly faults: Faults
}

const HOST = "127.0.0.1"

/** If the idle timeout closes a connection, no test should fail: the next request makes a new one. */
const RECONNECT = Schedule.recurs(1)

export class TestServer extends Context.Service<TestServer, TestServerService>()("effect-kv-cache/testing/TestServer") {
  /**
   * A server on a free port of 127.0.0.1 and a client that is connected to it, as long as the scope is open. Both are
   * ready when the layer is built, and leave nothing behind. Their time is the Clock of the surrounding program. Under
   * `it.effect` that is the `TestClock`, and `TestClock.adjust` returns when everything that was due has run.
   */
  static readonly layer = (
    options: TestServerOptions = {}
  ): Layer.Layer<TestServer | Client, ListenError | ClientError> =>
    Layer.unwrap(
      Effect.gen(function* () {
        const { port } = yield* TestServer
        return Client.layer({ host: HOST, port, reconnect: RECONNECT })
      })
    ).pipe(Layer.provideMerge(serverLayer(options)), Layer.provideMerge(Layer.fresh(QuietClock.layer)))
}

const serverLayer = (options: TestServerOptions): Layer.Layer<TestServer, ListenError> => {
  const faults = new Faults(options.seed ?? 1)
  const server = Server.layer({
    host: HOST,
    port: 0,
    maxConnections: options.maxConnections ?? settings.maxConnections.default,
    idleTimeout: Duration.fromInputUnsafe(options.idleTimeout ?? settings.idleTimeout.default),
    // The end of a test waits for nobody. Under a clock that stands still it would wait for ever.
    shutdownGrace: Duration.zero
  })
  const expirer = Expirer.layer({ interval: options.expireInterval ?? settings.expireInterval.default })
  const store = Store.layerMemory({
    maxKeys: options.maxKeys ?? settings.maxKeys.default,
    maxMemory: options.maxMemory
  })
  return Layer.effect(
    TestServer,
    Effect.map(Server, ({ address: { host, port }, stats }) =>
      TestServer.of({ host, port, address: `${host}:${port}`, redisUrl: `redis://${host}:${port}`, stats, faults })
    )
  ).pipe(
    Layer.provide(server),
    Layer.provideMerge(expirer),
    Layer.provide(store),
    Layer.provide(TextProtocol.layer),
    Layer.provide(Layer.succeed(CurrentFaults, faults)),
    // A server's log is noise among the results of tests.
    Layer.provide(Logger.layer([]))
  )
}

export interface StartOptions extends TestServerOptions {
  /** `virtual`: time stands still until `advance` or `setTime` moves it. `real`: it flows. Default: `virtual`. */
  readonly clock?: "virtual" | "real" | undefined
  /** Unix time in ms at which a virtual clock begins, also after each `reset`. Default: the machine's. */
  readonly unixTime?: number | undefined
}

export interface RunningTestServer extends AsyncDisposable {
  readonly host: string
  /** The free port that was found. */
  readonly port: number
  /** `tcp://host:port` */
  readonly url: string
  /** `redis://host:port`, for clients of Redis: the same port. */
  readonly redisUrl: string
  /** What goes wrong on purpose; nothing at first. */
  readonly faults: Faults
  /**
   * Moves time forward, by ms or a duration such as `"30 minutes"`. Resolves when everything that was due has run:
   * expired keys are gone and swept, idle connections are closed. Fails if the clock is real.
   */
  readonly advance: (duration: Duration.Input) => Promise<void>
  /** Moves time forward to a time in ms since the start. Fails if the clock is real or the time is past. */
  readonly setTime: (millis: number) => Promise<void>
  /**
   * Goes back to the start: it is 0 ms, time stands still, and every key is gone. Connections and faults stay. Fails if
   * the clock is real.
   */
  readonly reset: () => Promise<void>
  /** The time in ms: since the start or the last `reset` on a virtual clock, since 1970 on the real one. */
  readonly now: () => number
  /**
   * Unix time on the server, in ms. Clients that compute deadlines from their own clock agree with the server if that
   * clock is set to it: `vi.setSystemTime(server.unixTime())` with Vitest, `jest.setSystemTime` with Jest.
   */
  readonly unixTime: () => number
  readonly stats: () => Promise<ServerStats>
  /** Closes all connections and the port. May be called again. */
  readonly stop: () => Promise<void>
}

const scheduler = new Scheduler.MixedScheduler("async", (task) => {
  const immediate = setImmediate(task)
  return () => clearImmediate(immediate)
})

const runPromise = <A, E>(effect: Effect.Effect<A, E>): Promise<A> => Effect.runPromise(effect, { scheduler })

const LONGEST_TIMER = 2 ** 31 - 1

const sleepMillis = (millis: number): Effect.Effect<void> =>
  Number.isFinite(millis)
    ? Effect.callback<void>((resume) => {
        const rest = Math.max(0, millis - LONGEST_TIMER)
        const timer = setTimeout(
          () => resume(rest > 0 ? sleepMillis(rest) : Effect.void),
          Math.min(millis, LONGEST_TIMER)
        )
        return Effect.sync(() => clearTimeout(timer))
      })
    : Effect.never

const millisSince1970 = (): number => Math.floor(performance.timeOrigin + performance.now())
const nanosSince1970 = (): bigint => BigInt(millisSince1970()) * 1_000_000n
const monotonicNanos = (): bigint => BigInt(Math.floor(performance.now() * 1e6))

/** The real time, even if a test runner has replaced the global functions. */
const realClock: Clock.Clock = {
  currentTimeMillisUnsafe: millisSince1970,
  currentTimeMillis: Effect.sync(millisSince1970),
  currentTimeNanosUnsafe: nanosSince1970,
  currentTimeNanos: Effect.sync(nanosSince1970),
  monotonicTimeNanosUnsafe: monotonicNanos,
  monotonicTimeNanos: Effect.sync(monotonicNanos),
  sleep: (duration) => sleepMillis(Duration.toMillis(duration))
}

/** Moves the time of a running server. Real time cannot be moved. */
interface Time {
  readonly now: () => number
  readonly unixTime: () => number
  readonly move: (action: ClockAction) => Promise<void>
}

const virtualTime = Effect.gen(function* () {
  const { now, perform, unixTime } = yield* VirtualClock
  const move = async (action: ClockAction): Promise<void> => {
    const reply = await runPromise(perform(action))
    if (reply._tag === "Failed") throw new RangeError(reply.message)
  }
  const time: Time = { now, unixTime, move }
  return time
})

const realTime: Time = {
  now: () => realClock.currentTimeMillisUnsafe(),
  unixTime: () => realClock.currentTimeMillisUnsafe(),
  move: () => Promise.reject(new TypeError('this server runs on the real clock: start it with { clock: "virtual" }'))
}

const start = Effect.fnUntraced(function* (options: StartOptions, time: Time) {
  const context = yield* Layer.build(serverLayer(options))
  const { faults, host, port, redisUrl, stats } = Context.get(context, TestServer)
  return {
    host,
    port,
    url: `tcp://${host}:${port}`,
    redisUrl,
    faults,
    advance: (duration: Duration.Input) =>
      time.move({ _tag: "Advance", millis: Duration.toMillis(Duration.fromInputUnsafe(duration)) }),
    setTime: (millis: number) => time.move({ _tag: "Set", millis }),
    reset: () => time.move({ _tag: "Reset" }),
    now: time.now,
    unixTime: time.unixTime,
    stats: () => runPromise(stats)
  }
})

/** Starts a server on a free port of 127.0.0.1, by default in virtual time at 0 ms. */
export const startTestServer = async (options: StartOptions = {}): Promise<RunningTestServer> => {
  const scope = Scope.makeUnsafe()
  const server =
    options.clock === "real"
      ? start(options, realTime)
      : Effect.gen(function* () {
          const clock = yield* Layer.build(VirtualClock.layerFrom(options.unixTime))
          const started = Effect.flatMap(virtualTime, (time) => start(options, time))
          return yield* Effect.provideContext(started, clock)
        })
  const running = await runPromise(
    server.pipe(
      Scope.provide(scope),
      Effect.provideService(Clock.Clock, realClock),
      Effect.onError(() => Scope.close(scope, Exit.void))
    )
  )
  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> => (stopped ??= runPromise(Scope.close(scope, Exit.void)))
  return { ...running, stop, [Symbol.asyncDispose]: stop }
}
