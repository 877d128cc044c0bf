/** Commands in order, each with its reply, as Redis 7.0.15 has given it or 7.2 would. */
import { assert, it } from "@effect/vitest"
import * as Redis from "./Redis.ts"

export type Steps = ReadonlyArray<readonly [command: string, reply: string]>

/** Makes a test of each name and its steps, which begin with no keys. */
export const each = (cases: Readonly<Record<string, Steps>>, options: Redis.Options = {}): void => {
  for (const [name, steps] of Object.entries(cases)) {
    it(name, () => {
      const redis = Redis.make(options)
      for (const [command, reply] of steps) assert.strictEqual(redis.line(command), reply, command)
    })
  }
}
