/**
 * One thread's share of a load test: opens its connections, puts the keys that are to be there, warms up, and drives
 * the measured run as a closed or an open loop.
 *
 * Effect is paid for a phase, not for a request: within a phase an answer makes its connection send what comes next.
 */
import { type IntervalHistogram, monitorEventLoopDelay, performance as hooks } from "node:perf_hooks"
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ConnectError, TimeoutError } from "../client/ClientError.ts"
import type { ProtocolService } from "../protocol/Protocol.ts"
import { LoadConnection } from "./LoadConnection.ts"
import { Pacer } from "./Pacer.ts"
import { Recorder, type Recording, type SecondRecord } from "./Recorder.ts"
import { makeSource, makeVocabulary, preloadedKeys, type WorkloadOptions } from "./Workload.ts"

/** What one thread is asked to do. Plain data: it can be sent to another thread. */
export interface LoadPlan {
  readonly host: string
  readonly port: number
  readonly workload: WorkloadOptions
  /** The thread's connections: those numbered from `first` up to, not including, `end`. */
  readonly first: number
  readonly end: number
  readonly pipeline: number
  /** TTL of PUTs, in seconds. */
  readonly ttl: number
  /** Requests of each connection, or nothing for a run by time. */
  readonly requests?: number | undefined
  /** ms, for a run by time. */
  readonly duration?: number | undefined
  /** Requests per second of all connections of all threads; absent for a closed loop. */
  readonly rate?: number | undefined
  /** ms that the warm-up takes at most; 0 for none. */
  readonly warmup: number
  /** ms after which a request has failed. */
  readonly timeout: number
}

/** How the thread itself fared in the measured run. */
export interface GeneratorHealth {
  /** Share of the time that the event loop was busy, 0 to 1. */
  readonly utilization: number
  /** ms */
  readonly delayP99: number
  readonly cpuSeconds: number
}

export interface DriverResult {
  readonly recording: Recording
  readonly health: GeneratorHealth
  /** ns */
  readonly elapsed: number
  /** Open loop: requests whose moment had come and that were never sent. */
  readonly unsent: number
  /** Whether all connections were lost before the end. */
  readonly isServerLost: boolean
}

/** How often an open loop looks for requests whose moment has come. */
const OPEN_TICK = Duration.millis(1)

/** How often a closed loop looks for requests that are late. */
const CLOSED_TICK = Duration.millis(20)

/** Preloading PUTs in one write, and connections that are opened at a time. */
const PRELOAD_BATCH = 256
const OPEN_AT_A_TIME = 256

/** The warm-up's share of a run by count. */
const WARMUP_SHARE = 0.05

export class LoadDriver {
  private readonly plan: LoadPlan
  private readonly clock: Clock.Clock
  private readonly recorder: Recorder
  private readonly connections: ReadonlyArray<LoadConnection>
  // What an answer leads to depends on the phase.
  private onProgress: (connection: LoadConnection) => void = doNothing
  private unsent = 0

  constructor(plan: LoadPlan, protocol: ProtocolService, clock: Clock.Clock, onSecond: (record: SecondRecord) => void) {
    this.plan = plan
    this.clock = clock
    this.recorder = new Recorder(onSecond)
    const vocabulary = makeVocabulary(plan.workload)
    this.connections = Array.from({ length: plan.end - plan.first }, (_, index) => {
      const connection = new LoadConnection({
        host: plan.host,
        port: plan.port,
        protocol,
        vocabulary,
        source: makeSource(plan.workload, plan.first + index),
        recorder: this.recorder,
        ttl: plan.ttl,
        now: this.now,
        onProgress: (changed) => this.onProgress(changed)
      })
      connection.prepare()
      return connection
    })
  }

  /** Opens all connections, and preloads this thread's share of the shared keys. */
  get open(): Effect.Effect<void, ConnectError | TimeoutError, Scope.Scope> {
    return Effect.forEach(this.connections, (connection) => connection.open, {
      concurrency: OPEN_AT_A_TIME,
      discard: true
    }).pipe(Effect.andThen(this.preload))
  }

  /** Requests that have come to something in this phase. */
  get finished(): number {
    return this.recorder.finished
  }

  /** Warms up, then runs and measures, until all is done or `stop` completes. */
  run(stop: Effect.Effect<void>): Effect.Effect<DriverResult> {
    return Effect.suspend(() => {
      const { duration, rate, requests, warmup } = this.plan
      const warmUp =
        warmup === 0
          ? Effect.void
          : this.phase({
              requests: requests === undefined ? undefined : Math.ceil(requests * WARMUP_SHARE),
              duration: warmup,
              rate
            })
      return Effect.raceFirst(warmUp, stop).pipe(Effect.andThen(this.measured({ requests, duration, rate }, stop)))
    })
  }

  private readonly now = (): number => Number(this.clock.monotonicTimeNanosUnsafe())

  private measured(phase: Phase, stop: Effect.Effect<void>): Effect.Effect<DriverResult> {
    return Effect.suspend(() => {
      const start = this.now()
      this.recorder.start(start)
      this.unsent = 0
      const delay = monitorEventLoopDelay({ resolution: 1 })
      delay.enable()
      const loop = hooks.eventLoopUtilization()
      const cpu = process.cpuUsage()
      return Effect.raceFirst(this.phase(phase), stop).pipe(
        Effect.andThen(Effect.sync(() => this.toResult(start, delay, loop, cpu)))
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
    return {
      recording: this.recorder.end(),
      health: {
        utilization: hooks.eventLoopUtilization(loop).utilization,
        delayP99: delay.percentile(99) / 1e6,
        cpuSeconds: (used.user + used.system) / 1e6
      },
      elapsed: this.now() - start,
      unsent: this.unsent,
      isServerLost: this.connections.every((connection) => connection.lost !== undefined)
    }
  }

  private get preload(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { first, workload } = this.plan
      const keys = preloadedKeys(workload)
      const share = Math.ceil(keys / workload.connections)
      const next = this.connections.map((_, index) => Math.min(keys, (first + index) * share))
      return this.untilAllAreDone((connection, index) => {
        const from = next[index] ?? keys
        const end = Math.min(keys, (first + index + 1) * share)
        if (from >= end) return true
        if (connection.inFlight > 0) return false
        const to = Math.min(end, from + PRELOAD_BATCH)
        connection.sendPuts(Array.from({ length: to - from }, (_, offset) => from + offset))
        next[index] = to
        return false
      })
    })
  }

  private phase(phase: Phase): Effect.Effect<void> {
    const { connections, plan, recorder } = this
    const startedAt = this.now()
    const pacer = new Pacer(
      {
        requests: phase.requests,
        duration: phase.duration === undefined ? undefined : phase.duration * 1e6,
        rate: phase.rate,
        connections: plan.workload.connections,
        pipeline: plan.pipeline,
        patience: plan.timeout * 1e6
      },
      plan.first,
      connections.length,
      startedAt,
      (lag) => recorder.sentLate(lag)
    )
    const settled = this.untilAllAreDone((connection, index) => pacer.feed(index, connection, this.now()))
    const tick = Effect.sync(() => {
      const now = this.now()
      for (const connection of connections) {
        connection.expire(now - plan.timeout * 1e6, now)
        this.onProgress(connection)
      }
      recorder.roll(now)
    }).pipe(Effect.delay(phase.rate === undefined ? CLOSED_TICK : OPEN_TICK), Effect.forever)
    return Effect.raceFirst(settled, tick).pipe(
      Effect.ensuring(
        Effect.sync(() => {
          this.unsent = pacer.unsent(this.now())
        })
      )
    )
  }

  /**
   * Calls `step` for each connection, now and after each of its answers, until it says that the connection has sent
   * all that it will; completes when all of that is answered, or lost.
   */
  private untilAllAreDone(step: (connection: LoadConnection, index: number) => boolean): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const open = new Map(this.connections.map((connection, index) => [connection, index]))
      this.onProgress = (connection) => {
        const index = open.get(connection)
        if (index === undefined) return
        const isLost = connection.lost !== undefined
        if (!isLost && (!step(connection, index) || connection.inFlight > 0)) return
        open.delete(connection)
        if (open.size === 0) resume(Effect.void)
      }
      for (const connection of this.connections) this.onProgress(connection)
      return Effect.sync(() => {
        this.onProgress = doNothing
      })
    })
  }
}

/** What a warm-up and a measured run have in common; `duration` in ms. */
type Phase = Pick<LoadPlan, "requests" | "duration" | "rate">

const doNothing = (): void => {}
