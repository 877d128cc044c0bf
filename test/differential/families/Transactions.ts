/** Transactions. What is queued comes from all families, and so do the writes of others to watched keys. */
import type { Family } from "../Family.ts"

export const transactions: Family = {
  MULTI: { weight: 3, arguments: () => [] },
  EXEC: { weight: 5, isSpoilt: false, arguments: () => [] },
  DISCARD: () => [],
  WATCH: { weight: 4, arguments: (draw) => draw.keys(1, 3) },
  UNWATCH: () => []
}
