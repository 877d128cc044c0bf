/**
 * One thread's share of a load test. It opens the connections, preloads the keys, warms up, and drives the measured run
 * as a closed or an open loop.
 *
 * Effect is paid once per phase, not per request: within a phase, an answer makes its connection send the next
 * requests. The driver does not know other threads: see `LoadThread.ts`.
 */
import { type IntervalHistogram, monitorEventLoopDelay, performance as hooks } from "node:perf_hooks"
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ClientError } from "../client/ClientError.ts"
import type { ClientTls } from "../client/ClientTls.ts"
import { LoadConnection } from "./LoadConnection.ts"
import { Outbox } from "./Outbox.ts"
import { Pacer } from "./Pacer.ts"
import { Poller } from "./Poller.ts"
import { Recorder, type Recording, type SliceRecord } from "./Recorder.ts"
import type { LoadProtocol, PlainCredentials, Wire } from "./Wire.ts"
import { makeSource, type Part, preloadedKeys, type WorkloadOptions } from "./Workload.ts"

/** The work of one thread, as plain data that can be sent to another thread. */
export interface LoadPlan {
  readonly host: string
  readonly port: number
  /** Who each connection says it is. Plain data, because it goes to other threads. */
  readonly credentials?: PlainCredentials | undefined
  /** Absent for a plain connection. */
  readonly tls?: ClientTls | undefined
  readonly protocol: LoadProtocol
  readonly workload: WorkloadOptions
  /** The thread's connections have the numbers from `first` to `end`, exclusive. */
  readonly first: number
  readonly end: number
  readonly pipeline: number
  /** The TTL of PUTs in seconds. */
  readonly ttl: number
  /** The requests of each connection. Absent if the run has a duration. */
  readonly requests?: number | undefined
  /** In ms. Absent if the run has a number of requests. */
  readonly duration?: number | undefined
  /** Requests per second of all connections of all threads. Absent for a closed loop. */
  readonly rate?: number | undefined
  /** The longest warm-up in ms; 0 for none. */
  readonly warmup: number
  /** The warm-up ends earlier if each connection has sent this many requests. */
  readonly warmupRequests?: number | undefined
  /** In ms. After this time a request has failed. */
  readonly timeout: number
}

/** How the load generator's thread itself did during the measured run. */
export interface GeneratorHealth {
  /** The share of the time that the event loop worked, 0 to 1. */
  readonly utilization: number
  /** The share of the time that the thread polled the clock without work, 0 to 1. */
  readonly polling: number
  /** The event loop's delay, in ms. */
  readonly delayP99: number
  readonly cpuSeconds: number
}

export interface DriverResult {
  readonly recording: Recording
  readonly health: GeneratorHealth
  /** In ns. */
  readonly elapsed: number
  /** Requests of an open loop that were due and never sent. */
  readonly unsent: number
  /** Whether all connections were lost before the end. */
  readonly isServerLost: boolean
}

/** The interval at which all connections are checked for late requests and for the end of the phase. */
const LOOK = Duration.millis(20)

/** The PUTs of a preload in one write, and the connections that open or preload at the same time. */
const PRELOAD_BATCH = 256
const PRELOAD_AT_A_TIME = 64
const OPEN_AT_A_TIME = 256

/** In ms. The timer that measures the event loop's delay is late by this much even in an idle loop. */
const DELAY_RESOLUTION = 1

export class LoadDriver {
  private readonly plan: LoadPlan
  private readonly clock: Clock.Clock
  private readonly recorder: Recorder
  private readonly connections: ReadonlyArray<LoadConnection>
  // The phase decides what follows an answer.
  private phaseNow: Phase | undefined
  private unsent = 0
  // For the phases of an open loop.
  private readonly poller = new Poller(
    () => this.now(),
    (now) => this.phaseNow?.meet(now) ?? Number.POSITIVE_INFINITY
  )

  constructor(plan: LoadPlan, wire: Wire, clock: Clock.Clock, onSlice: (record: SliceRecord) => void) {
    this.plan = plan
    this.clock = clock
    this.recorder = new Recorder(onSlice)
    const outbox = new Outbox()
    this.connections = Array.from(
      { length: plan.end - plan.first },
      () =>
        new LoadConnection({
          host: plan.host,
          port: plan.port,
          tls: plan.tls,
          wire,
          outbox,
          recorder: this.recorder,
          timeout: plan.timeout * 1e6,
          now: this.now,
          onProgress: (connection, now) => {
            this.poller.worked()
            this.phaseNow?.changed(connection, now)
          }
        })
    )
  }

  /** Opens all connections, and preloads this thread's share of the shared keys. */
  get open(): Effect.Effect<void, ClientError, Scope.Scope> {
    return Effect.forEach(this.connections, (connection) => connection.open, {
      concurrency: OPEN_AT_A_TIME,
      discard: true
    }).pipe(Effect.andThen(this.preload))
  }

  /** Warms up, then runs and measures, until the work is done or `stop` completes. */
  run(stop: Effect.Effect<void>): Effect.Effect<DriverResult> {
    const { duration, rate, requests, warmup, warmupRequests } = this.plan
    const warmUp =
      warmup === 0 ? Effect.void : this.phase("warm-up", { requests: warmupRequests, duration: warmup, rate })
    const measured = Effect.raceFirst(this.phase("measured", { requests, duration, rate }), stop)
    return Effect.raceFirst(Effect.as(warmUp, measured), Effect.as(stop, Effect.void)).pipe(
      Effect.flatMap((rest) => this.measure(rest))
    )
  }

  private readonly now = (): number => Number(this.clock.monotonicTimeNanosUnsafe())

  private measure(measured: Effect.Effect<void>): Effect.Effect<DriverResult> {
    return Effect.suspend(() => {
      const start = this.now()
      this.recorder.start(start)
      this.unsent = 0
      const delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION })
      delay.enable()
      const loop = hooks.eventLoopUtilization()
      const cpu = process.cpuUsage()
      this.poller.idle = 0
      return Effect.andThen(
        measured,
        Effect.sync(() => this.toResult(start, delay, loop, cpu))
      )
    })
  }

  private toResult(
    start: number,
    delay: IntervalHistogram,
    loop: ReturnType<typeof hooks.eventLoopUtilization>,
    cpu: NodeJS.CpuUsage
  ): DriverResult {
    delay.disable()
    const used = process.cpuUsage(cpu)
    const elapsed = this.now() - start
    const polling = elapsed > 0 ? Math.min(1, this.poller.idle / elapsed) : 0
    return {
      recording: this.recorder.end(),
      health: {
        // Node counts polling as work.
        utilization: Math.max(0, hooks.eventLoopUtilization(loop).utilization - polling),
        polling,
        delayP99: Math.max(0, delay.percentile(99) / 1e6 - DELAY_RESOLUTION),
        cpuSeconds: (used.user + used.system) / 1e6
      },
      elapsed,
      unsent: this.unsent,
      isServerLost: this.connections.every((connection) => connection.lost !== undefined)
    }
  }

  private get preload(): Effect.Effect<void, ClientError> {
    const { first, workload } = this.plan
    const keys = preloadedKeys(workload)
    const share = Math.ceil(keys / workload.connections)
    return Effect.forEach(
      this.connections,
      (connection, index) => {
        const from = Math.min(keys, (first + index) * share)
        return Effect.forEach(batches(from, Math.min(keys, from + share)), (batch) => connection.put(batch), {
          discard: true
        })
      },
      { concurrency: PRELOAD_AT_A_TIME, discard: true }
    )
  }

  private phase(part: Part, options: PhaseOptions): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { connections, plan } = this
      connections.forEach((connection, index) =>
        connection.prepare(makeSource(plan.workload, plan.first + index, part))
      )
      const pacer = new Pacer(
        {
          requests: options.requests,
          duration: options.duration === undefined ? undefined : options.duration * 1e6,
          rate: options.rate,
          connections: plan.workload.connections,
          pipeline: plan.pipeline,
          patience: plan.timeout * 1e6
        },
        plan.first,
        connections.length,
        this.now()
      )
      const isOpen = options.rate !== undefined
      const settled = Effect.callback<void>((resume) => {
        const phase = new Phase(connections, pacer, isOpen, () => resume(Effect.void))
        this.phaseNow = phase
        if (isOpen) phase.meet(this.now())
        phase.look(this.now())
        return Effect.sync(() => {
          this.phaseNow = undefined
        })
      })
      const tick = Effect.sync(() => {
        const now = this.now()
        this.phaseNow?.look(now)
        this.recorder.roll(now)
      }).pipe(Effect.delay(LOOK), Effect.forever)
      return Effect.raceAllFirst(isOpen ? [settled, tick, this.poller.run] : [settled, tick]).pipe(
        Effect.ensuring(
          Effect.sync(() => {
            this.phaseNow = undefined
            this.unsent = pacer.unsent(this.now())
          })
        )
      )
    })
  }
}

/** The settings that the warm-up and the measured run have in common. */
type PhaseOptions = Pick<LoadPlan, "requests" | "duration" | "rate">

const batches = (from: number, end: number): ReadonlyArray<ReadonlyArray<number>> =>
  Array.from({ length: Math.ceil((end - from) / PRELOAD_BATCH) }, (_, batch) => {
    const first = from + batch * PRELOAD_BATCH
    return Array.from({ length: Math.min(PRELOAD_BATCH, end - first) }, (__, offset) => first + offset)
  })

/** A running phase. It feeds connections and knows which of them have work left. */
class Phase {
  private readonly connections: ReadonlyArray<LoadConnection>
  private readonly pacer: Pacer
  private readonly isOpen: boolean
  private readonly onDone: () => void
  private readonly busy: Map<LoadConnection, number>
  private readonly lost = new Set<LoadConnection>()
  constructor(connections: ReadonlyArray<LoadConnection>, pacer: Pacer, isOpen: boolean, onDone: () => void) {
    this.connections = connections
    this.pacer = pacer
    this.isOpen = isOpen
    this.onDone = onDone
    this.busy = new Map(connections.map((connection, index) => [connection, index]))
  }

  /** To be called when answers have come to a connection, and when it was lost. */
  changed(connection: LoadConnection, now: number): void {
    this.feed(connection, now)
    // Requests become due while answers are handled.
    if (this.isOpen) this.meet(now)
  }

  /** In an open loop, sends the requests that are due and returns the next moment, in ns. */
  meet(now: number): number {
    const { pacer } = this
    if (now >= pacer.nextMoment) pacer.eachDue(now, (index) => this.feedAt(index, now))
    return pacer.nextMoment
  }

  /** Checks every connection, as time has passed. */
  look(now: number): void {
    for (const connection of this.connections) {
      connection.expire(now)
      this.feed(connection, now)
    }
  }

  private feedAt(index: number, now: number): void {
    const connection = this.connections[index]
    if (connection !== undefined) this.feed(connection, now)
  }

  private feed(connection: LoadConnection, now: number): void {
    const index = this.busy.get(connection)
    if (index === undefined) return
    const isLost = connection.lost !== undefined
    if (isLost && !this.lost.has(connection)) {
      this.lost.add(connection)
      // Each loss fails at least one request, or the result would not show it.
      if (!connection.hasFailedByLoss) this.pacer.fail(index, connection, now)
    }
    // In an open loop requests keep coming, even for a lost connection.
    const isFed = (isLost && !this.isOpen) || this.pacer.feed(index, connection, now)
    if (isFed && connection.inFlight === 0) this.busy.delete(connection)
    if (this.busy.size === 0 || this.lost.size === this.connections.length) this.onDone()
  }
}
