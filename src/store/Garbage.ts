/**
 * Whom the expirer tells that a cache has become much smaller.
 *
 * What was freed lies outside the heap and goes with the next collection; but a process that has nothing to do allocates
 * nothing, and V8 then has no reason to collect. The `serve` command asks it to (`cli/Collector.ts`); a library does
 * nothing to the process that it lives in.
 */
import * as Context from "effect/Context"

/** Collects garbage, or does nothing, which is the default. */
export const CurrentCollector = Context.Reference<() => void>("effect-kv-cache/store/CurrentCollector", {
  defaultValue: () => () => {}
})
