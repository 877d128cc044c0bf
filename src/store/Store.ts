/**
 * The store as a service, for users of the library. Each operation is an Effect with its errors in the type. It works
 * over any `Executor`, and so over any backing: it makes commands, lets the executor run them, and interprets the
 * replies. It keeps no keys itself.
 *
 * `put`, `get`, `delete` and `exists` are the text protocol's, whose keys and values are words. The other operations take
 * any bytes. All keys are in database 0.
 */
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Schema from "effect/Schema"
import { DELETE, EXISTS, GET, PUT } from "../commands/Commands.ts"
import type { Caller } from "../commands/Execution.ts"
import * as Command from "../domain/Command.ts"
import { BATCH_COMMANDS, CommandBatch } from "../domain/CommandBatch.ts"
import { ERR } from "../domain/Reply.ts"
import { type CommandWords, fill } from "./CommandWords.ts"
import { type Codec, type ComputeOptions, makeComputations } from "./Computations.ts"
import { Executor, type ExecutorService, MemoryExecutor, type StoreStats } from "./Executor.ts"
import { type Kept, KeptReply, nothing } from "./KeptReply.ts"
import type { Limits } from "../engine/Limits.ts"
import type { InsightOptions } from "../insight/MemoryInsight.ts"
import * as Engine from "./MemoryEngine.ts"
import type { EngineError } from "./redis/NodeConnection.ts"
import * as RedisEngine from "./redis/RedisEngine.ts"
import type { RedisEngineConfig } from "./redis/RedisEngineConfig.ts"
import { refused, StoreError } from "./StoreError.ts"
import { makeTypedStore, type TypedStore } from "./TypedStore.ts"

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
  /**
   * Executes a command of Redis, with arguments of any bytes: `run("SET", key, value, "PX", "1500")`. A key has at most
   * 65,535 bytes. Commands that concern a connection are not for stores, nor are unknown ones: they fail with the code
   * `ERR`, and what the command answers as an error fails with its own.
   */
  readonly run: (...command: CommandWords) => Effect.Effect<Kept, StoreError>
  /** The same for any number of commands, executed together, in order. An error of one of them is its reply. */
  readonly runAll: (commands: ReadonlyArray<CommandWords>) => Effect.Effect<ReadonlyArray<Kept>, StoreError>
  /**
   * The value of a key. If there is none, `compute` makes it, and it is kept for `ttl`. Of all fibers that ask for the same
   * key meanwhile, and of all processes that share the store, one computes; if it fails, the fibers that waited for it
   * in this process fail with it, and nothing is kept. It is interrupted when nobody waits for it any more. Who asks for
   * a key must always compute the same.
   */
  readonly getOrCompute: <E, R>(
    key: string,
    compute: Effect.Effect<string, E, R>,
    options: ComputeOptions
  ) => Effect.Effect<string, E | StoreError, R>
  /** A view of the store whose values have a Schema, and are kept as JSON. `prefix` is put in front of its keys. */
  readonly typed: <S extends Schema.Constraint>(
    schema: S,
    options?: { readonly prefix?: string | undefined }
  ) => TypedStore<S>
  /** The number of keys, including expired ones that are not yet removed. */
  readonly size: Effect.Effect<number, StoreError>
  /** Removes every key: also those of other programs, if they share the store. Nothing is counted as removed. */
  readonly clear: Effect.Effect<void, StoreError>
  /** The state of this process's memory, which is a near cache if the keys are elsewhere, and what has been done. */
  readonly stats: Effect.Effect<StoreStats>
}

const make = Effect.fnUntraced(function* (executor: ExecutorService) {
  const now = yield* Engine.monotonicMillis

  // Commands are made and executed one at a time and share a batch. A command that has to be waited for keeps its
  // batch.
  let batch = new CommandBatch()

  /** Executes the commands of a batch, now: whoever fills the batch next may do so as soon as this returns. */
  const execute = (commands: CommandBatch): Effect.Effect<ReadonlyArray<Kept>> => {
    const replies = new KeptReply()
    executor.prepare(commands)
    const pending = executor.execute(commands, 0, commands.count, now(), caller, replies)
    if (pending === undefined) return Effect.succeed(replies.kept)
    batch = new CommandBatch()
    return Effect.as(pending, replies.kept)
  }

  const runPart = (commands: ReadonlyArray<CommandWords>): Effect.Effect<ReadonlyArray<Kept>, StoreError> =>
    Effect.suspend(() => {
      const problem = fill(batch, commands)
      return problem === undefined ? execute(batch) : Effect.fail(new StoreError({ code: ERR, message: problem }))
    })

  const runAll = (commands: ReadonlyArray<CommandWords>): Effect.Effect<ReadonlyArray<Kept>, StoreError> =>
    commands.length <= BATCH_COMMANDS
      ? runPart(commands)
      : Effect.map(Effect.forEach(Arr.chunksOf(commands, BATCH_COMMANDS), runPart), Arr.flatten)

  const run = (...command: CommandWords): Effect.Effect<Kept, StoreError> => onlyReply(runPart([command]))

  const compute = makeComputations(runAll, yield* Effect.scope)

  /** Executes a command of the text protocol, whose first argument is the key. */
  const executeText = (id: number, args: ReadonlyArray<string>): Effect.Effect<Kept, StoreError> =>
    Effect.suspend(() => {
      batch.begin(Buffer.from(args.join(""), "latin1"))
      batch.open(id)
      let start = 0
      for (const [index, argument] of args.entries()) {
        if (index === 0) batch.key(start, argument.length)
        else batch.argument(start, argument.length)
        start += argument.length
      }
      batch.close()
      return onlyReply(execute(batch))
    })

  return Store.of({
    put: (key, value, ttl) =>
      Effect.flatMap(Command.put(key, value, ttl), (command) =>
        Effect.asVoid(
          executeText(PUT, [
            command.key,
            command.value,
            ...(command.ttl === Command.NO_TTL ? [] : [String(command.ttl)])
          ])
        )
      ),
    get: (key) =>
      Effect.flatMap(Command.get(key), (command) =>
        Effect.map(executeText(GET, [command.key]), (reply) =>
          reply._tag === "Bulk" ? reply.bytes.toString() : undefined
        )
      ),
    delete: (key) =>
      Effect.flatMap(Command.del(key), (command) =>
        Effect.map(executeText(DELETE, [command.key]), (reply) => reply._tag === "Simple")
      ),
    exists: (key) =>
      Effect.flatMap(Command.exists(key), (command) =>
        Effect.map(executeText(EXISTS, [command.key]), (reply) => reply._tag === "Integer" && reply.value === 1)
      ),
    run,
    runAll,
    getOrCompute: (key, computation, options) => compute(key, computation, text, options),
    typed: (schema, options) => makeTypedStore(schema, options?.prefix ?? "", run, compute),
    size: Effect.map(run("DBSIZE"), (reply) => (reply._tag === "Integer" ? Number(reply.value) : 0)),
    clear: Effect.asVoid(run("FLUSHDB")),
    stats: Effect.sync(() => executor.stats())
  })
})

/** The library's keys are in the same database as those of the text protocol. */
const caller: Caller = { database: 0 }

const text: Codec<string, never, never, never> = {
  encode: Effect.succeed,
  decode: (bytes) => Effect.succeedSome(bytes.toString())
}

/** The reply of the only command of a batch, which fails if it is an error. */
const onlyReply = <E>(replies: Effect.Effect<ReadonlyArray<Kept>, E>): Effect.Effect<Kept, E | StoreError> =>
  Effect.flatMap(replies, (all) => Effect.as(refused(all), all[0] ?? nothing))

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

  /**
   * A store in a Redis server, a Redis Cluster, or a kv-cache server, with the services that a `Server` and an `Expirer`
   * need, as `layerMemory` has them. Values that are read often are kept near, in the memory of this process, as long as
   * the servers do not say that they have changed. It fails if nobody answers, or if we are refused. Afterwards servers
   * may come and go: what needs one that is gone fails with a `StoreError` whose code is `UNAVAILABLE`.
   *
   * Under a `TestClock` near values expire with it. Connections are supervised in real time all the same: a test that
   * moves its clock by an hour has not waited an hour for a server.
   */
  static readonly layerRedis = (
    config: RedisEngineConfig
  ): Layer.Layer<Store | Executor | Engine.MemoryEngine, EngineError> =>
    Layer.provideMerge(Store.layer, RedisEngine.layer(config, realClock))
}

const realClock = Clock.Clock.defaultValue()
