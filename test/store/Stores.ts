/**
 * Stores that keep their keys elsewhere, whose time a test moves all the same, for the suites that every store runs. Each
 * brings its Clock: `TestClock.adjust` moves the servers' deadlines, too, and returns when nothing is under way.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import * as EventLoop from "../../src/EventLoop.ts"
import * as QuietClock from "../../src/server/QuietClock.ts"
import { Executor } from "../../src/store/Executor.ts"
import { RedisExecutor } from "../../src/store/redis/RedisExecutor.ts"
import { Store } from "../../src/store/Store.ts"
import { TestServer } from "../../src/testing.ts"
import * as Peer from "../differential/Peer.ts"
import type * as RedisServers from "../support/RedisServers.ts"

/** Servers and tests share a machine that may be busy. */
const config = { nearMemory: 16 * 1024 * 1024, timeout: "1 minute" } as const

/** The keys are in a server of ours, in virtual time. */
export const ownServer: Layer.Layer<Store | Executor> = Layer.unwrap(
  Effect.map(TestServer, ({ redisUrl }) => Store.layerRedis({ url: redisUrl, ...config }))
).pipe(Layer.provideMerge(TestServer.layer()), Layer.orDie)

/** Brings all deadlines forward. What would be due by then is gone. */
const PASS = `
for _, key in ipairs(redis.call("KEYS", "*")) do
  local left = redis.call("PTTL", key)
  if left >= 0 then redis.call("PEXPIRE", key, left - ARGV[1]) end
end`

/**
 * The keys are in real servers, which are emptied. Their time cannot be moved, but all that depends on it: the deadlines of
 * their keys. It passes by itself besides, so that no test may depend on less than seconds.
 */
export const redisServers = (nodes: ReadonlyArray<RedisServers.RedisProcess>): Layer.Layer<Store | Executor> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const inRealTime = Effect.provideService(Clock.Clock, Clock.Clock.defaultValue())
      const peers = yield* Effect.forEach(nodes, ({ port }) => Peer.connect({ host: "127.0.0.1", port }))
      const tellAll = (...words: ReadonlyArray<string>): Effect.Effect<void> =>
        Effect.asVoid(inRealTime(Effect.forEach(peers, (peer) => peer.ask([words]))))
      yield* tellAll("FLUSHALL")

      const passes = (millis: number): Effect.Effect<void> =>
        millis < 1 ? Effect.void : tellAll("EVAL", PASS, "0", String(Math.floor(millis)))
      const clock = yield* TestClock.testClockWith(Effect.succeed)
      const together: TestClock.TestClock = {
        ...clock,
        adjust: (duration) =>
          Effect.andThen(passes(Duration.toMillis(Duration.fromInputUnsafe(duration))), clock.adjust(duration)),
        setTime: (time) =>
          Effect.andThen(
            Effect.suspend(() => passes(time - clock.currentTimeMillisUnsafe())),
            clock.setTime(time)
          )
      }

      let isBusy = (): boolean => false
      // Whoever has had an answer may ask again before the next look.
      const quiet = Effect.suspend(() => {
        let wasBusy = true
        return EventLoop.pollUntil(() => {
          const before = wasBusy
          wasBusy = isBusy()
          return !before && !wasBusy
        })
      })
      const quietClock = QuietClock.make(together, quiet)
      const url = `redis://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(",")}`
      const context = yield* Layer.build(Store.layerRedis({ url, ...config })).pipe(
        Effect.provideService(Clock.Clock, quietClock)
      )
      const executor = Context.get(context, Executor)
      if (executor instanceof RedisExecutor) {
        const { cluster } = executor
        isBusy = () => cluster.all(0).some(({ awaited }) => awaited > 0)
      }
      return Context.add(context, Clock.Clock, quietClock)
    })
  ).pipe(Layer.orDie)
