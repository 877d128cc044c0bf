/**
 * A Redis server or cluster as the keeper of the keys: the executor over it, and the memory of this process, which is the
 * near cache here. An `Expirer` may run over that as over any other.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { CommandStatistics } from "../CommandStatistics.ts"
import { Executor } from "../Executor.ts"
import * as MemoryEngine from "../MemoryEngine.ts"
import { NearCache } from "../near/NearCache.ts"
import { Cluster } from "./Cluster.ts"
import { type EngineUrl, FORM, parseEngineUrl } from "./EngineUrl.ts"
import { invalidatedKeys } from "./Frames.ts"
import { EngineError, NodeConnection, type NodeOptions } from "./NodeConnection.ts"
import { defaults, type RedisEngineConfig } from "./RedisEngineConfig.ts"
import { RedisExecutor, type RedisExecutorOptions } from "./RedisExecutor.ts"

/** Redis tells of the clients' keys, so that their number bounds nothing. */
const NEAR_KEYS = 500_000_000

const namesOf = (nodes: ReadonlyArray<NodeConnection>): string => nodes.map(({ name }) => name).join(", ")

/** The text may contain a password, and so is not shown. */
const urlOf = ({ url }: RedisEngineConfig): Effect.Effect<EngineUrl, EngineError> =>
  Option.match(parseEngineUrl(Redacted.isRedacted(url) ? Redacted.value(url) : url), {
    onNone: () => Effect.fail(new EngineError({ message: `The engine's URL must be ${FORM}.`, isRefusal: true })),
    onSome: Effect.succeed
  })

const millisOf = (duration: Duration.Input): number => Duration.toMillis(Duration.fromInputUnsafe(duration))

const make = Effect.fnUntraced(function* (config: RedisEngineConfig, supervisor: Clock.Clock) {
  const supervised = Effect.provideService(Clock.Clock, supervisor)
  const url = yield* urlOf(config)
  const timeout = millisOf(config.timeout ?? defaults.timeout)
  const down = config.down ?? defaults.down
  const ttl = millisOf(config.nearTtl ?? defaults.nearTtl)
  const staleTtl = down === "stale" ? millisOf(config.staleTtl ?? defaults.staleTtl) : 0
  const maxMemory = config.nearMemory ?? defaults.nearMemory
  const memory = yield* MemoryEngine.make({ maxKeys: NEAR_KEYS, maxMemory })
  const { now } = memory
  const fibers = yield* FiberSet.make<void>()
  const fork = yield* supervised(FiberSet.runtime(fibers)())
  const log = (message: Effect.Effect<void>): void => void fork(message)
  const statistics = new CommandStatistics()
  const near = ttl === 0 ? undefined : new NearCache(memory, statistics, { ttl, staleTtl })
  let saysNoTracking = true
  const onPush = (node: NodeConnection, bytes: Buffer, start: number): void => {
    const keys = invalidatedKeys(bytes, start)
    if (keys === "all") near?.invalidated(node.source, undefined, now())
    else for (const key of keys) near?.invalidated(node.source, key, now())
  }
  const options: NodeOptions = {
    user: url.user,
    password: config.password ?? url.password,
    tls: url.isTls ? { ca: config.ca } : undefined,
    timeout,
    now: yield* supervised(MemoryEngine.monotonicMillis),
    micros: yield* supervised(MemoryEngine.monotonicMicros),
    isTracking: near !== undefined,
    onPush,
    onNoTracking: (node, why) => {
      if (!saysNoTracking) return
      saysNoTracking = false
      const most = Duration.format(Duration.millis(ttl))
      log(
        Effect.logWarning(
          `${node.name} does not tell which keys change (${why}): values may be old for ${most} (--near-ttl)`
        )
      )
    },
    onReady: (node) => {
      near?.opened(node.source, now())
      if (node.generation > 1) log(Effect.logInfo(`${node.name} is connected again`))
    },
    onLost: (node, why, wasReady) => {
      near?.lost(node.source, now())
      if (wasReady) log(Effect.logWarning(`${node.name} ${why}`))
    }
  }
  const cluster = new Cluster({
    ...options,
    seeds: url.nodes,
    fork: (effect) => void fork(effect),
    onSlots: (owners) => near?.setSlots(owners, now()),
    onMasters: (masters) => log(Effect.logInfo(`the keys are in a Redis Cluster: ${namesOf(masters)}`))
  })
  // Nothing that is kept is read on these.
  const onItsOwn: NodeOptions = { ...options, isTracking: false, onReady: doNothing }
  const connect: RedisExecutorOptions["connect"] = ({ address, database, source }, onLost) => {
    const node = new NodeConnection(address, database, source, {
      ...onItsOwn,
      onLost: () => {
        node.end()
        onLost()
      }
    })
    fork(node.run)
    return node
  }
  const refusing = new Set<string>()
  const onRefusedNear: RedisExecutorOptions["onRefusedNear"] = ({ name }, error) => {
    // Whoever has given up a slot, or is not ready, answers otherwise soon.
    if (refusing.has(name) || !/^(?:NOPERM|ERR) /.test(error)) return
    refusing.add(name)
    log(Effect.logWarning(`nothing of ${name} is kept near, as it refuses CLIENT CACHING or PTTL: ${error}`))
  }
  yield* supervised(cluster.discover)
  yield* Effect.forkScoped(supervised(cluster.watch))
  const kind = cluster.isCluster ? "Redis Cluster" : "Redis server"
  yield* Effect.logInfo(`the keys are in a ${kind}: ${namesOf(cluster.masters)}`)
  return { memory, executor: new RedisExecutor({ cluster, memory, statistics, near, connect, down, onRefusedNear }) }
})

/**
 * Fails if no server can be reached, or if one refuses us: nobody is served then. Afterwards servers may come and go.
 *
 * What is kept near expires by the program's clock. Connections are supervised by another one, if it is given: their
 * timeouts, pings, and attempts to connect again.
 */
export const layer = (
  config: RedisEngineConfig,
  supervisor?: Clock.Clock
): Layer.Layer<Executor | MemoryEngine.MemoryEngine, EngineError> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const { executor, memory } = yield* make(config, supervisor ?? (yield* Clock.Clock))
      return Context.make(MemoryEngine.MemoryEngine, memory).pipe(Context.add(Executor, executor))
    })
  )

const doNothing = (): void => {}
