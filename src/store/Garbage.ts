/**
 * Gives memory back to the system when a cache has become much smaller.
 *
 * What was freed lies outside the heap and goes with the next collection; but a server that has nothing to do allocates
 * nothing, and V8 then has no reason to collect. So it is asked to: the heap is small, and it takes a few ms.
 */
import * as V8 from "node:v8"
import * as Vm from "node:vm"
import * as Context from "effect/Context"

/** Collects garbage, if this V8 can be asked to. */
const collect = (): void => {
  V8.setFlagsFromString("--expose-gc")
  const gc: unknown = Vm.runInNewContext("typeof gc === 'function' ? gc : undefined")
  if (typeof gc === "function") gc()
}

/** How garbage is collected. */
export const CurrentCollector = Context.Reference<() => void>("effect-kv-cache/store/CurrentCollector", {
  defaultValue: () => collect
})
