/**
 * Values that are computed when they are missing, and kept: of all who ask for a missing value, one computes it, and the
 * others wait for what it comes to. Among the fibers of a process that is a table of the computations under way. Among
 * processes that share an engine it is a lease: a key of its own, with a deadline, that one of them holds.
 *
 * It keeps no values itself. It asks for nothing that Redis has not.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import type { CommandWords, Word } from "./CommandWords.ts"
import type { Kept } from "./KeptReply.ts"
import { refused, type StoreError } from "./StoreError.ts"
import { expiryWords, millisOf } from "./Ttl.ts"

export interface ComputeOptions {
  /** How long a value is fresh. Infinite for ever. */
  readonly ttl: Duration.Input
  /**
   * How long after that it is still given, at once, while one fiber computes a new one. None if absent. Everybody who
   * asks for a key must say the same here: what is left of an entry's time says how old it is.
   */
  readonly staleFor?: Duration.Input | undefined
  /**
   * How long others wait for a process that computes and says nothing, because it has died: 10 s if absent. A
   * computation may take longer, as its lease is renewed while it runs.
   */
  readonly leaseFor?: Duration.Input | undefined
}

/** How values are written as bytes, and read. What cannot be read counts as missing. */
export interface Codec<A, E, RE, RD> {
  readonly encode: (value: A) => Effect.Effect<Word, E, RE>
  readonly decode: (bytes: Buffer) => Effect.Effect<Option.Option<A>, never, RD>
}

/** The commands that it needs, executed in order. */
export type RunAll = (commands: ReadonlyArray<CommandWords>) => Effect.Effect<ReadonlyArray<Kept>, StoreError>

/** A computation under way. */
interface Flight {
  readonly done: Deferred.Deferred<unknown, unknown>
  /** The number of those who wait for it, and 1 more if it goes on without any. */
  waiting: number
  fiber: Fiber.Fiber<void> | undefined
}

/** What is in front of a key in the name of its lease. */
const LEASE = "kv-cache:lease:"

const DEFAULT_LEASE = Duration.seconds(10)

/** A lease is renewed when this share of its time has passed, so that one renewal may be lost. */
const RENEWAL = 1 / 3

// Whoever waits for another process looks again after so many ms, and twice as many each time.
const FIRST_LOOK = 5
const LAST_LOOK = 250

/** Present, in ms: for how long a value is kept, and for how much of that at the end it is stale. */
interface Lifetime {
  readonly total: number
  readonly stale: number
  readonly lease: number
}

const lifetimeOf = ({ leaseFor = DEFAULT_LEASE, staleFor = 0, ttl }: ComputeOptions): Lifetime => {
  const stale = millisOf(staleFor, 0)
  return { stale, total: millisOf(ttl) + stale, lease: millisOf(leaseFor) }
}

export type GetOrCompute = <A, E, R, EE, RE, RD>(
  key: string,
  compute: Effect.Effect<A, E, R>,
  codec: Codec<A, EE, RE, RD>,
  options: ComputeOptions
) => Effect.Effect<A, E | EE | StoreError, R | RE | RD>

/** The computations of a store. What is under way when the scope closes is interrupted. */
export const makeComputations = (runAll: RunAll, scope: Scope.Scope): GetOrCompute => {
  const flights = new Map<string, Flight>()

  /** The value of a key, and whether it is fresh. */
  const read = <A, EE, RE, RD>(key: string, codec: Codec<A, EE, RE, RD>, { stale }: Lifetime) =>
    Effect.gen(function* () {
      const get: CommandWords = ["GET", key]
      // A value that is never stale is fresh. Its age is not asked for, because no near cache could answer that.
      const replies = yield* runAll(stale === 0 ? [get] : [get, ["PTTL", key]])
      yield* refused(replies)
      const [value, left] = replies
      if (value?._tag !== "Bulk") return Option.none()
      const isFresh = left?._tag !== "Integer" || Number(left.value) < 0 || Number(left.value) > stale
      return Option.map(yield* codec.decode(value.bytes), (decoded) => ({ value: decoded, isFresh }))
    })

  /** The value of a key, if it is fresh. */
  const readFresh = <A, EE, RE, RD>(key: string, codec: Codec<A, EE, RE, RD>, lifetime: Lifetime) =>
    Effect.map(
      read(key, codec, lifetime),
      Option.filter(({ isFresh }) => isFresh)
    )

  /** Asks for the lease of a key. Says whether it has been given. */
  const take = (lease: string, token: string, time: number) =>
    Effect.gen(function* () {
      const replies = yield* runAll([["SET", lease, token, "NX", "PX", String(time)]])
      yield* refused(replies)
      return replies[0]?._tag !== "Null"
    })

  /** Whether a lease is still the one that was given with this token. */
  const isHeld = (lease: string, token: string) =>
    Effect.map(runAll([["GET", lease]]), ([held]) => held?._tag === "Bulk" && held.bytes.toString("latin1") === token)

  // Between the look and the change another one may have been given, if this process stood still for long. Then two
  // compute at once, and nothing worse.
  const renew = (lease: string, token: string, time: number) =>
    Effect.sleep(Duration.millis(time * RENEWAL)).pipe(
      Effect.andThen(isHeld(lease, token)),
      Effect.tap((held) => (held ? runAll([["PEXPIRE", lease, String(time)]]) : Effect.void)),
      Effect.repeat({ while: (held) => held }),
      Effect.ignore
    )

  const giveBack = (lease: string, token: string) =>
    Effect.ignore(Effect.flatMap(isHeld(lease, token), (held) => (held ? runAll([["DEL", lease]]) : Effect.void)))

  /** Computes a value, or waits until another process has. */
  const obtain = <A, E, R, EE, RE, RD>(
    key: string,
    compute: Effect.Effect<A, E, R>,
    codec: Codec<A, EE, RE, RD>,
    lifetime: Lifetime
  ) =>
    Effect.gen(function* () {
      const lease = LEASE + key
      const token = `${yield* Random.nextInt}.${yield* Random.nextInt}`
      for (let wait = FIRST_LOOK; ; wait = Math.min(2 * wait, LAST_LOOK)) {
        if (yield* take(lease, token, lifetime.lease)) {
          return yield* underLease(key, compute, codec, lifetime).pipe(
            Effect.raceFirst(Effect.andThen(renew(lease, token, lifetime.lease), Effect.never)),
            Effect.ensuring(giveBack(lease, token))
          )
        }
        yield* Effect.sleep(Duration.millis(wait))
        const found = yield* readFresh(key, codec, lifetime)
        if (Option.isSome(found)) return found.value.value
      }
    })

  const underLease = <A, E, R, EE, RE, RD>(
    key: string,
    compute: Effect.Effect<A, E, R>,
    codec: Codec<A, EE, RE, RD>,
    lifetime: Lifetime
  ) =>
    Effect.gen(function* () {
      // Another process may have computed it since this one looked.
      const found = yield* readFresh(key, codec, lifetime)
      if (Option.isSome(found)) return found.value.value
      const value = yield* compute
      const bytes = yield* codec.encode(value)
      // What was computed is good even if there is no room for it.
      yield* Effect.flatMap(runAll([["SET", key, bytes, ...expiryWords(lifetime.total)]]), refused).pipe(
        Effect.catchTag("StoreError", (error) =>
          Effect.logWarning(`a computed value could not be stored: ${error.message}`)
        )
      )
      return value
    })

  /** Begins a computation that fibers can wait for. It must not be interrupted, but what it begins may be. */
  const launch = Effect.fnUntraced(function* <A, E, R>(key: string, work: Effect.Effect<A, E, R>) {
    const flight: Flight = { done: Deferred.makeUnsafe(), waiting: 0, fiber: undefined }
    flights.set(key, flight)
    const land = (exit: Exit.Exit<A, E>): Effect.Effect<void> =>
      Effect.sync(() => {
        if (flights.get(key) === flight) flights.delete(key)
        Deferred.doneUnsafe(flight.done, exit)
      })
    flight.fiber = yield* Effect.forkIn(Effect.flatMap(Effect.exit(Effect.interruptible(work)), land), scope)
    return flight
  })

  /** Waits for the computation of a key, which begins if there is none. When nobody waits any more, it is interrupted. */
  const join = <A, E, R>(key: string, work: Effect.Effect<A, E, R>) =>
    Effect.uninterruptibleMask(
      Effect.fnUntraced(function* (restore) {
        const flight = flights.get(key) ?? (yield* launch(key, work))
        flight.waiting++
        return yield* Effect.onInterrupt(restore(Deferred.await(flight.done)), () => {
          if (--flight.waiting > 0 || flight.fiber === undefined) return Effect.void
          if (flights.get(key) === flight) flights.delete(key)
          return Fiber.interrupt(flight.fiber)
        })
      })
    )

  /** Begins the computation of a key, if there is none. It goes on whoever leaves, and only the log is told if it fails. */
  const refresh = <A, E, R>(key: string, work: Effect.Effect<A, E, R>) =>
    Effect.suspend(() => {
      if (flights.has(key)) return Effect.void
      const told = Effect.tapCause(work, (cause) => Effect.logWarning("a stale value could not be renewed", cause))
      return Effect.uninterruptible(
        Effect.map(launch(key, told), (flight) => {
          flight.waiting++
        })
      )
    })

  // All who ask for a key ask for the same thing. So what one computation gives, or fails with, is what the others' would
  // have given: the table says so, and its types cannot.
  function getOrCompute<A, E, R, EE, RE, RD>(
    key: string,
    compute: Effect.Effect<A, E, R>,
    codec: Codec<A, EE, RE, RD>,
    options: ComputeOptions
  ): Effect.Effect<A, E | EE | StoreError, R | RE | RD>
  function getOrCompute<R, RE, RD>(
    key: string,
    compute: Effect.Effect<unknown, unknown, R>,
    codec: Codec<unknown, unknown, RE, RD>,
    options: ComputeOptions
  ): Effect.Effect<unknown, unknown, R | RE | RD> {
    return Effect.gen(function* () {
      const lifetime = lifetimeOf(options)
      const work = obtain(key, compute, codec, lifetime)
      const found = yield* read(key, codec, lifetime)
      if (Option.isNone(found)) return yield* join(key, work)
      if (!found.value.isFresh) yield* refresh(key, work)
      return found.value.value
    })
  }
  return getOrCompute
}
