/**
 * The executor over a real redis-server against another one that is asked directly: random sequences of the commands that
 * are passed on, in both versions of the protocol, transactions included; replies the same to the byte. The near cache is
 * on, so that what it answers is compared, too.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { run, shrink } from "../../differential/Run.ts"
import * as RedisServer from "../../differential/RedisServer.ts"
import { sequence } from "../../differential/Sequence.ts"
import * as RedisServers from "../../support/RedisServers.ts"
import { commandsOf } from "../../../src/commands/Commands.ts"
import * as Engines from "./Engines.ts"

const COMMANDS = 4000
const SEEDS = [1, 2, 3]

const table = commandsOf("resp")

/**
 * Commands of other groups that are passed on, or that surround those that are. SELECT is not among them: it cannot be in a
 * transaction of an engine.
 */
const OTHERS = new Set(["PING", "ECHO", "MULTI", "EXEC", "DISCARD", "WATCH", "UNWATCH"])

/** What depends on the server that keeps the keys, and not on them; and what a server refuses that nobody may wait for. */
const LEFT_OUT = new Set(["WAIT", "SCAN", "RANDOMKEY", "OBJECT", "DUMP", "LCS"])

const isPassedOn = (name: string): boolean => {
  const entry = table.get(name)
  const groups = ["string", "bitmap", "generic"]
  return OTHERS.has(name) || (entry !== undefined && groups.includes(entry.group) && !LEFT_OUT.has(name))
}

const nameOf = (words: ReadonlyArray<string>): string => words[0]?.toUpperCase() ?? ""

describe.skipIf(!RedisServers.isInstalled)("the executor over a redis-server", () => {
  it.live(
    `answers ${COMMANDS * SEEDS.length} commands as that server does`,
    Effect.fnUntraced(function* () {
      const engine = yield* RedisServers.single()
      const direct = yield* RedisServer.start
      for (const seed of SEEDS) {
        const { steps, versions } = sequence(seed, COMMANDS * 2)
        const kept = steps.filter(({ words }) => isPassedOn(nameOf(words))).slice(0, COMMANDS)
        const executor = Engines.executor({ ports: [engine.port] })
        const mismatch = yield* run({ versions, steps: kept }, direct, executor)
        if (mismatch === undefined) continue
        const [shortest, last] = yield* shrink({ versions, steps: kept }, mismatch, direct, executor)
        const lines = shortest.steps.map(({ connection, words }) => JSON.stringify([connection, ...words]))
        assert.fail([`seed ${seed}: ${last.why}`, last.ours, last.redis, ...lines].join("\n"))
      }
    }, Effect.scoped),
    120_000
  )
})
