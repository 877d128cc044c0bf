/**
 * The store as a service: executes commands against the keyspace at the Clock's time.
 *
 * It is a thin skin. `Keyspace.ts` knows what a command does to the keys; this file reads the Clock, counts, and gives
 * the same operations two shapes: effects for users of the library, and `unsafe` for the plain loops of the server.
 */
import { randomBytes } from "node:crypto"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Command from "../domain/Command.ts"
import * as CommandBatch from "../domain/CommandBatch.ts"
import * as Reply from "../domain/Reply.ts"
import type { Limits, Removal } from "./Keyspace.ts"
import { KeyHash } from "./KeyHash.ts"
import { PackedKeyspace } from "./PackedKeyspace.ts"

/** What the store holds and has done since it was made. Counts only ever grow; `keys` and `bytes` are levels. */
export interface StoreStats extends Readonly<Record<Removal, number>> {
  /** Keys held, those that have expired and were not yet removed included. */
  readonly keys: number
  /** What the entries take, in bytes: their slots, their records, and their share of the index (`entryBytes`). */
  readonly bytes: number
  /** Commands executed, by kind. */
  readonly puts: number
  readonly gets: number
  readonly deletes: number
  readonly existences: number
  readonly flushes: number
  /** GETs that found a value, and GETs that did not. */
  readonly hits: number
  readonly misses: number
}

export interface StoreService {
  /** Executes a batch in order, all of it at one instant; one reply for each command. */
  readonly executeAll: (commands: ReadonlyArray<Command.StoreCommand>) => Effect.Effect<ReadonlyArray<Reply.Reply>>
  /** Stores a value; `ttl` in seconds, 0 or absent for none. Replaces value and TTL of a key that is there. */
  readonly put: (key: string, value: string, ttl?: number) => Effect.Effect<void, Command.InvalidCommand>
  /** The value of a key, or nothing. A hit makes the key the most recently used. */
  readonly get: (key: string) => Effect.Effect<string | undefined, Command.InvalidCommand>
  /** Removes a key and says whether it was there. */
  readonly delete: (key: string) => Effect.Effect<boolean, Command.InvalidCommand>
  /** Whether a key is there. Does not count as a use. */
  readonly exists: (key: string) => Effect.Effect<boolean, Command.InvalidCommand>
  /** Keys held, those that have expired and were not yet removed included. */
  readonly size: Effect.Effect<number>
  /** Removes every key. */
  readonly clear: Effect.Effect<void>
  readonly stats: Effect.Effect<StoreStats>
  /**
   * The synchronous core, for callers that are in a plain loop already: a connection within a batch, the expirer within
   * a slice. `now` is read once for each batch or slice.
   */
  readonly unsafe: {
    /** The Clock's monotonic time in ms, an integer. */
    readonly now: () => number
    readonly execute: (command: Command.StoreCommand, now: number) => Reply.Reply
    /** Gets ready to execute a batch. */
    readonly prepare: (commands: CommandBatch.CommandBatch) => void
    /** Executes the commands from `from` to `to` (exclusive) of a batch that is prepared; their replies go to `replies`. */
    readonly executeBatch: (
      commands: CommandBatch.CommandBatch,
      from: number,
      to: number,
      now: number,
      replies: Reply.ReplySink
    ) => void
    /** Removes every key. */
    readonly clear: (now: number) => void
    /** Frees at most `budget` entries that have expired; says whether there may be more. */
    readonly sweep: (now: number, budget: number) => boolean
    /** A time in ms before which there is nothing to sweep; infinite if no key has a TTL. */
    readonly nextDue: () => number
    /** Calls `wake`, once, when a key is put that is due before `time`, in ms, or when memory was given up. */
    readonly wakeBefore: (time: number, wake: () => void) => void
    readonly stats: () => StoreStats
    /** Bytes of memory that are reserved for entries, used and unused, and those that were and are no more. */
    readonly memory: () => { readonly held: number; readonly givenUp: number }
  }
}

const NANOS_PER_MILLI = 1_000_000n

const make = Effect.fnUntraced(function* (limits: Limits) {
  const clock = yield* Clock.Clock
  // Monotonic, so a step of the machine's wall clock neither kills keys nor makes them immortal.
  // Divided as a whole number: after 18 years, as a test may let them pass, the nanoseconds do not fit a double any more.
  const now = (): number => Number(clock.monotonicTimeNanosUnsafe() / NANOS_PER_MILLI)
  const keyspace = new PackedKeyspace(limits, KeyHash.withSecret(randomBytes(8)), now(), () => wakeUp())
  let puts = 0
  let deletes = 0
  let existences = 0
  let flushes = 0
  let hits = 0
  let misses = 0

  // Whoever sweeps sleeps until then, unless something is due earlier.
  let wakeTime = Number.NEGATIVE_INFINITY
  let wake = doNothing
  const wakeUp = (): void => {
    wakeTime = Number.NEGATIVE_INFINITY
    wake()
  }

  const wakeFor = (ttl: number, at: number): void => {
    if (ttl !== 0 && at + ttl * 1000 < wakeTime) wakeUp()
  }

  const execute = (command: Command.StoreCommand, at: number): Reply.Reply => {
    switch (command._tag) {
      case "Put":
        puts++
        keyspace.put(command.key, command.value, command.ttl, at)
        wakeFor(command.ttl, at)
        return Reply.stored
      case "Get": {
        const value = keyspace.get(command.key, at)
        if (value === undefined) {
          misses++
          return Reply.notFound
        }
        hits++
        return Reply.found(value)
      }
      case "Delete":
        deletes++
        return keyspace.delete(command.key, at) ? Reply.deleted : Reply.notFound
      case "Exists":
        existences++
        return keyspace.has(command.key, at) ? Reply.present : Reply.absent
      case "Flush":
        flushes++
        keyspace.clear(at)
        return Reply.flushed
    }
  }

  const executeBatch: StoreService["unsafe"]["executeBatch"] = (commands, from, to, at, replies) => {
    for (let i = from; i < to; i++) {
      switch (commands.kind(i)) {
        case CommandBatch.PUT:
          puts++
          keyspace.putAt(commands, i, at)
          wakeFor(commands.ttl(i), at)
          replies.stored()
          break
        case CommandBatch.GET:
          if (keyspace.getAt(commands, i, at, replies)) hits++
          else misses++
          break
        case CommandBatch.DELETE:
          deletes++
          if (keyspace.deleteAt(commands, i, at)) replies.deleted()
          else replies.notFound()
          break
        case CommandBatch.EXISTS:
          existences++
          replies.existence(keyspace.hasAt(commands, i, at))
      }
    }
  }

  const stats = (): StoreStats => ({
    keys: keyspace.size,
    bytes: keyspace.bytes,
    puts,
    gets: hits + misses,
    deletes,
    existences,
    flushes,
    hits,
    misses,
    ...keyspace.removed
  })

  const executeOne = (command: Command.StoreCommand): Reply.Reply => execute(command, now())

  return Store.of({
    executeAll: (commands) =>
      Effect.sync(() => {
        const at = now()
        return commands.map((command) => execute(command, at))
      }),
    put: (key, value, ttl) => Effect.asVoid(Effect.map(Command.put(key, value, ttl), executeOne)),
    get: (key) =>
      Effect.map(Command.get(key), (command) => {
        const reply = executeOne(command)
        return reply._tag === "Found" ? reply.value : undefined
      }),
    delete: (key) => Effect.map(Command.del(key), (command) => executeOne(command)._tag === "Deleted"),
    exists: (key) =>
      Effect.map(Command.exists(key), (command) => {
        const reply = executeOne(command)
        return reply._tag === "Existence" && reply.exists
      }),
    size: Effect.sync(() => keyspace.size),
    clear: Effect.sync(() => keyspace.clear(now())),
    stats: Effect.sync(stats),
    unsafe: {
      now,
      execute,
      prepare: (commands) => keyspace.prepare(commands),
      executeBatch,
      clear: (at) => keyspace.clear(at),
      sweep: (at, budget) => keyspace.sweep(at, budget),
      nextDue: () => keyspace.nextDue,
      wakeBefore: (time, onWake) => {
        wakeTime = time
        wake = onWake
      },
      stats,
      memory: () => ({ held: keyspace.heldBytes, givenUp: keyspace.givenUpBytes })
    }
  })
})

const doNothing = (): void => {}

export class Store extends Context.Service<Store, StoreService>()("effect-kv-cache/store/Store") {
  /** A store in this process's memory, empty at first, within `limits`. */
  static readonly layerMemory = (limits: Limits): Layer.Layer<Store> => Layer.effect(Store, make(limits))
}
