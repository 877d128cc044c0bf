/**
 * A Redis server or cluster as the keeper of the keys: the services that a server needs, as `Store.layerMemory` gives them
 * for the memory of this process. That memory is the near cache here, over which an `Expirer` may run as over any other.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import { CommandStatistics } from "../CommandStatistics.ts"
import { Executor } from "../Executor.ts"
import * as MemoryEngine from "../MemoryEngine.ts"
import { NearCache } from "../near/NearCache.ts"
import { Store } from "../Store.ts"
import { Cluster } from "./Cluster.ts"
import type { EngineUrl } from "./EngineUrl.ts"
import { invalidatedKeys } from "./Frames.ts"
import type { DownPolicy } from "./Job.ts"
import { type EngineError, NodeConnection, type NodeOptions } from "./NodeConnection.ts"
import { RedisExecutor } from "./RedisExecutor.ts"

export interface RedisEngineConfig {
  readonly url: EngineUrl
  /** In place of the one in the URL. */
  readonly password?: Redacted.Redacted | undefined
  /** The certificates of who may have signed the servers', as PEM, for TLS; the system's if absent. */
  readonly ca?: string | undefined
  /** The longest silence of a server that owes an answer. */
  readonly timeout: Duration.Duration
  /** What reads are answered with while their server is gone. */
  readonly down: DownPolicy
  /** How long a value may be stale, if reads may be answered so. */
  readonly staleTtl: Duration.Duration
  /** The most memory of the near cache, in bytes. */
  readonly nearMemory: number
  /** How long a value may be answered from the near cache; 0 for none. */
  readonly nearTtl: Duration.Duration
}

/** Redis tells of the clients' keys, so that their number bounds nothing. */
const NEAR_KEYS = 500_000_000

const make = Effect.fnUntraced(function* (config: RedisEngineConfig) {
  const { url } = config
  const memory = yield* MemoryEngine.make({ maxKeys: NEAR_KEYS, maxMemory: config.nearMemory })
  const { now } = memory
  const fibers = yield* FiberSet.make<void>()
  const fork = yield* FiberSet.runtime(fibers)()
  const log = (message: Effect.Effect<void>): void => void fork(message)
  const statistics = new CommandStatistics()
  const ttl = Duration.toMillis(config.nearTtl)
  const staleTtl = config.down === "stale" ? Duration.toMillis(config.staleTtl) : 0
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
    timeout: Duration.toMillis(config.timeout),
    now,
    isTracking: near !== undefined,
    onPush,
    onNoTracking: (node, why) => {
      if (!saysNoTracking) return
      saysNoTracking = false
      const most = Duration.format(config.nearTtl)
      log(
        Effect.logWarning(
          `${node.name} does not tell which keys change (${why}): values may be old for ${most} (--near-ttl)`
        )
      )
    },
    onReady: (node) => {
      near?.opened(node.source)
      if (node.generation > 1) log(Effect.logInfo(`${node.name} is connected again`))
    },
    onLost: (node, why, wasReady) => {
      near?.lost(node.source)
      if (wasReady) log(Effect.logWarning(`${node.name} ${why}`))
    }
  }
  const cluster = new Cluster({
    ...options,
    seeds: url.nodes,
    fork: (effect) => void fork(effect),
    onSlots: (owners) => near?.setSlots(owners)
  })
  // Nothing that is kept is read on these.
  const onItsOwn: NodeOptions = { ...options, isTracking: false, onReady: doNothing, onLost: doNothing }
  const connect = ({ address, database, source }: NodeConnection): NodeConnection => {
    const node = new NodeConnection(address, database, source, onItsOwn)
    fork(node.run)
    return node
  }
  yield* cluster.discover
  yield* Effect.forkScoped(cluster.watch)
  const kind = cluster.isCluster ? "Redis Cluster" : "Redis server"
  const at = cluster.masters.map(({ name }) => name).join(", ")
  yield* Effect.logInfo(`the keys are in a ${kind}: ${at}`)
  return { memory, executor: new RedisExecutor({ cluster, memory, statistics, near, connect, down: config.down }) }
})

/**
 * The services over an engine. Fails if no server can be reached, or if one refuses us: nobody is served then. Afterwards
 * servers may come and go.
 */
export const layer = (
  config: RedisEngineConfig
): Layer.Layer<Store | Executor | MemoryEngine.MemoryEngine, EngineError> =>
  Layer.provideMerge(
    Store.layer,
    Layer.effectContext(
      Effect.map(make(config), ({ executor, memory }) =>
        Context.make(MemoryEngine.MemoryEngine, memory).pipe(Context.add(Executor, executor))
      )
    )
  )

const doNothing = (): void => {}
