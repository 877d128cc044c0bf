/** The executor over a Redis server or cluster, for tests: what is not said is as `serve` has it. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { ListenError } from "../../../src/server/Listener.ts"
import { settings } from "../../../src/server/ServerConfig.ts"
import type { Executor } from "../../../src/store/Executor.ts"
import type { EngineError } from "../../../src/store/redis/NodeConnection.ts"
import * as RedisEngine from "../../../src/store/redis/RedisEngine.ts"
import type { RedisEngineConfig } from "../../../src/store/redis/RedisEngineConfig.ts"
import * as TestServer from "../../server/TestServer.ts"

export interface Options extends Partial<RedisEngineConfig> {
  readonly ports: ReadonlyArray<number>
}

const configOf = ({ ports, ...given }: Options): RedisEngineConfig => ({
  url: `redis://${ports.map((port) => `127.0.0.1:${port}`).join(",")}`,
  timeout: Duration.seconds(1),
  down: settings.engineDown.default,
  staleTtl: settings.staleTtl.default,
  nearMemory: 16 * 1024 * 1024,
  nearTtl: settings.nearTtl.default,
  ...given
})

export const executor = (options: Options): Layer.Layer<Executor> => Layer.orDie(RedisEngine.layer(configOf(options)))

/** A whole server over an engine. */
export const serve = (options: Options): Effect.Effect<TestServer.TestServer, ListenError, Scope.Scope> =>
  TestServer.start({ inTurns: true, executor: executor(options) })

/** Only finds out what the engine is. */
export const discover = (options: Options): Effect.Effect<void, EngineError> =>
  Effect.scoped(Effect.asVoid(Layer.build(RedisEngine.layer(configOf(options)))))
