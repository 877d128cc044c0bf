/**
 * The store as a service, for users of the library: each operation is an Effect with its errors in the type. It works over
 * any `Executor`, and so over any backing: it makes commands, has them executed, and says what the replies mean.
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
import * as Engine from "./MemoryEngine.ts"

/** A command was good, and could not be executed: the backing has no room for it, or is lost. */
export class StoreError extends Schema.TaggedError<StoreError>()("StoreError", {
  /** Of which kind the error is, a word in capitals such as `OOM`; `ERR` for one of no other kind. */
  code: Schema.String,
  message: Schema.String
}) {}

export interface StoreService {
  /**
   * Stores a value; `ttl` in seconds, 0 or absent for none. Replaces value and TTL of a key that is there. Key and value
   * are 1 to 256 printable ASCII characters without whitespace.
   */
  readonly put: (key: string, value: string, ttl?: number) => Effect.Effect<void, Command.InvalidCommand | StoreError>
  /** The value of a key, or nothing. A hit makes the key the most recently used. */
  readonly get: (key: string) => Effect.Effect<string | undefined, Command.InvalidCommand | StoreError>
  /** Removes a key and says whether it was there. */
  readonly delete: (key: string) => Effect.Effect<boolean, Command.InvalidCommand | StoreError>
  /** Whether a key is there. Does not count as a use. */
  readonly exists: (key: string) => Effect.Effect<boolean, Command.InvalidCommand | StoreError>
  /** Keys held, those that have expired and were not yet removed included. */
  readonly size: Effect.Effect<number>
  /** Removes every key; nothing is counted as removed. */
  readonly clear: Effect.Effect<void>
  readonly stats: Effect.Effect<StoreStats>
}

const make = Effect.fnUntraced(function* (executor: ExecutorService) {
  const now = yield* Engine.monotonicMillis
  // Commands are made and executed one at a time; only one that has to be waited for keeps its batch for itself.
  let batch = new CommandBatch()

  /** Executes a command whose arguments, the first of which is its key, are these. */
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

/** A library's keys are where those of the text protocol are. */
const caller: Caller = { database: 0 }

const answer = ({ reply }: KeptReply): Effect.Effect<Kept, StoreError> =>
  reply._tag === "Error"
    ? Effect.fail(new StoreError({ code: reply.code, message: reply.message }))
    : Effect.succeed(reply)

export class Store extends Context.Service<Store, StoreService>()("effect-kv-cache/store/Store") {
  /** A store over an executor of any kind. */
  static readonly layer: Layer.Layer<Store, never, Executor> = Layer.effect(
    Store,
    Effect.flatMap(Executor, (executor) => make(executor))
  )

  /**
   * A store in this process's memory, empty at first, within `limits`, with what a `Server` and an `Expirer` need of it.
   * Keys that have expired are gone; an `Expirer` frees their memory, too, where nobody asks for them.
   */
  static readonly layerMemory = (limits: Limits): Layer.Layer<Store | Executor | Engine.MemoryEngine> =>
    // One layer, so that two calls have nothing in common.
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
