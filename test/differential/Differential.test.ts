/**
 * This server against a real redis-server: random sequences of commands, replies the same to the byte. What is known to be
 * different is listed in `Differences.ts`.
 *
 * `KV_CACHE_DIFFERENTIAL` is the number of commands (200,000 unless it is set), `KV_CACHE_DIFFERENTIAL_SEED` the first
 * seed. A mismatch is shown with the shortest sequence that was found for it.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as RedisServer from "./RedisServer.ts"
import { run, shrink } from "./Run.ts"
import { missing, sequence } from "./Sequence.ts"

const COMMANDS = Number(process.env["KV_CACHE_DIFFERENTIAL"] ?? "200000")
const FIRST_SEED = Number(process.env["KV_CACHE_DIFFERENTIAL_SEED"] ?? "1")
const SEQUENCE = 2000

const shown = (text: string): string => {
  const quoted = JSON.stringify(text.length > 300 ? `${text.slice(0, 300)}…` : text)
  return quoted.replaceAll(/[\u007f-\u00ff]/g, (character) => `\\x${character.charCodeAt(0).toString(16)}`)
}

describe("differential", () => {
  it("every command is generated or left out for a reason", () => {
    assert.deepStrictEqual(missing, [])
  })

  const name = `${COMMANDS} commands are answered as by redis-server`
  if (RedisServer.installed === undefined) it.skip(`${name} (not installed)`, () => {})
  else {
    it.live(
      name,
      Effect.fnUntraced(function* () {
        const path = yield* RedisServer.start
        for (let seed = FIRST_SEED; (seed - FIRST_SEED) * SEQUENCE < COMMANDS; seed++) {
          const commands = sequence(seed, SEQUENCE)
          const mismatch = yield* run(commands, path)
          if (mismatch === undefined) continue
          const [shortest, last] = yield* shrink(commands, mismatch, path)
          const lines = shortest.steps.map(({ connection, words }) => `  ${connection}: ${words.map(shown).join(" ")}`)
          assert.fail(
            [
              `seed ${seed}: ${last.why}`,
              `ours:  ${shown(last.ours)}`,
              `redis: ${shown(last.redis)}`,
              `RESP${shortest.versions.join(", RESP")}; the shortest sequence found:`,
              ...lines
            ].join("\n")
          )
        }
      }, Effect.scoped),
      Math.max(120_000, COMMANDS * 6)
    )
  }
})
