/**
 * The store as a service, for users of the library. Each operation is an Effect with its errors in the type. It works
 * over any `Executor`, and so over any backing: it makes commands, lets the executor run them, and interprets the
 * replies. It keeps no keys itself.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { DELETE, EXISTS, GET, PUT } from "../commands/Commands.ts"
import type { Caller } from "../commands/Execution.ts"
import * as Command from "../domain/Command.ts"
import { CommandBatch } from "../domain/CommandBatch.ts"
import { Executor, type ExecutorService, MemoryExecutor, type StoreStats } from "./Executor.ts"
import { type Kept, KeptReply } from "./KeptReply.ts"
import type { Limits } from "../engine/Limits.ts"
import type { InsightOptions } from "../insight/MemoryInsight.ts"
import * as Engine from "./MemoryEngine.ts"

/** A valid command could not be executed: the backing has no room for it, or is lost. */
export class StoreError extends Schema.TaggedError<StoreError>()("StoreError", {
  /** The kind of the error, a word in capitals such as `OOM`. `ERR` if there is no more specific kind. */
  code: Schema.String,
  message: Schema.String
}) {}

export interface StoreService {
  /**
   * Stores a value. `ttl` is in seconds; 0 or absent for none. If the key exists, its value and TTL are replaced. Key
   * and value are 1 to 256 printable ASCII characters without whitespace.
   */
  readonly put: (key: string, value: string, ttl?: number) => Effect.Effect<void, Command.InvalidCommand | StoreError>
  /** The value of a key, or `undefined`. A hit makes the key the most recently used. */
  readonly get: (key: string) => Effect.Effect<string | undefined, Command.InvalidCommand | StoreError>
  /** Removes a key. Returns whether it existed. */
  readonly delete: (key: string) => Effect.Effect<boolean, Command.InvalidCommand | StoreError>
  /** Whether a key exists. This does not count as a use. */
  readonly exists: (key: string) => Effect.Effect<boolean, Command.InvalidCommand | StoreError>
  /** The number of keys, including expired ones that are not yet removed. */
  readonly size: Effect.Effect<number>
  /** Removes every key. Nothing is counted as removed. */
  readonly clear: Effect.Effect<void>
  readonly stats: Effect.Effect<StoreStats>
}

const make = Effect.fnUntraced(function* (executor: ExecutorService) {
  const now = yield* Engine.monotonicMillis
  // Commands are made and executed one at a time and share a batch. A command that has to be waited for keeps its
  // batch.
  let batch = new CommandBatch()

  /** Executes a command with these arguments. The first one is the key. */
  const execute = (id: number, args: ReadonlyArray<string>): Effect.Effect<Kept, StoreError> =>
    Effect.suspend(() => {
      const commands = batch
      const kept = new KeptReply()
      commands.begin(Buffer.from(args.join(""), "latin1"))
      commands.open(id)
      let start = 0
      for (const [index, argument] of args.entries()) {
        if (index === 0) commands.key(start, argument.length)
        else commands.argument(start, argument.length)
        start += argument.length
      }
      commands.close()
      executor.prepare(commands)
      const pending = executor.execute(commands, 0, 1, now(), caller, kept)
      if (pending === undefined) return answer(kept)
      batch = new CommandBatch()
      return Effect.andThen(
        pending,
        Effect.suspend(() => answer(kept))
      )
    })

  return Store.of({
    put: (key, value, ttl) =>
      Effect.flatMap(Command.put(key, value, ttl), (command) =>
        Effect.asVoid(
          execute(PUT, [command.key, command.value, ...(command.ttl === Command.NO_TTL ? [] : [String(command.ttl)])])
        )
      ),
    get: (key) =>
      Effect.flatMap(Command.get(key), (command) =>
        Effect.map(execute(GET, [command.key]), (reply) =>
          reply._tag === "Bulk" ? reply.bytes.toString("latin1") : undefined
        )
      ),
    delete: (key) =>
      Effect.flatMap(Command.del(key), (command) =>
        Effect.map(execute(DELETE, [command.key]), (reply) => reply._tag === "Simple")
      ),
    exists: (key) =>
      Effect.flatMap(Command.exists(key), (command) =>
        Effect.map(execute(EXISTS, [command.key]), (reply) => reply._tag === "Integer" && reply.value === 1)
      ),
    size: Effect.sync(() => executor.stats().keys),
    clear: Effect.suspend(() => executor.clear(now()) ?? Effect.void),
    stats: Effect.sync(() => executor.stats())
  })
})

/** The library's keys are in the same database as those of the text protocol. */
const caller: Caller = { database: 0 }

const answer = ({ reply }: KeptReply): Effect.Effect<Kept, StoreError> =>
  reply._tag === "Error"
    ? Effect.fail(new StoreError({ code: reply.code, message: reply.message }))
    : Effect.succeed(reply)

export class Store extends Context.Service<Store, StoreService>()("effect-kv-cache/store/Store") {
  /** A store over any executor. */
  static readonly layer: Layer.Layer<Store, never, Executor> = Layer.effect(
    Store,
    Effect.flatMap(Executor, (executor) => make(executor))
  )

  /**
   * A store in the memory of this process, empty and within `limits`, with the services that a `Server` and an
   * `Expirer` need. Expired keys are gone. An `Expirer` also frees their memory if nobody asks for them.
   */
  static readonly layerMemory = (
    limits: Limits & InsightOptions
  ): Layer.Layer<Store | Executor | Engine.MemoryEngine> =>
    // Each call makes its own layer, so that two stores share nothing.
    Layer.effectContext(
      Effect.gen(function* () {
        const engine = yield* Engine.make(limits)
        const executor = new MemoryExecutor(engine)
        return Context.make(Engine.MemoryEngine, engine).pipe(
          Context.add(Executor, executor),
          Context.add(Store, yield* make(executor))
        )
      })
    )
}
