/** The memory of a near cache, for tests. */
import { Alarm } from "../../../src/commands/Alarm.ts"
import { Changes } from "../../../src/commands/Changes.ts"
import { Engine } from "../../../src/engine/Engine.ts"
import type { NearMemory } from "../../../src/store/near/NearCache.ts"

/** Of at most `maxMemory` bytes, if that is given. */
export const makeMemory = (maxMemory?: number): NearMemory => ({
  engine: Engine.make({ maxKeys: Number.POSITIVE_INFINITY, maxMemory }, Buffer.from("a secret"), 0),
  alarm: new Alarm(),
  changes: new Changes(),
  unixTime: (now) => now
})
