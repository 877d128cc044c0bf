/**
 * The collector that the expirer calls when a cache has become much smaller. This module collects nothing by itself.
 *
 * Freed memory is outside the heap and is released at the next garbage collection. But an idle process allocates
 * nothing, so V8 has no reason to collect. Therefore the `serve` command requests a collection (`cli/Collector.ts`). A
 * library leaves its process alone.
 */
import * as Context from "effect/Context"

/** Collects garbage. By default it does nothing. */
export const CurrentCollector = Context.Reference<() => void>("effect-kv-cache/store/CurrentCollector", {
  defaultValue: () => () => {}
})
