/** Commands that concern the connection, as far as they can come in any order. */
import type { Family } from "../Family.ts"

export const connection: Family = {
  PING: (draw) => (draw.chance(0.5) ? [] : [draw.value()]),
  SELECT: {
    isSpoilt: false,
    arguments: (draw) => [draw.chance(0.9) ? String(draw.below(3)) : draw.pick(["16", "-1"])]
  }
}
