/**
 * How V8 collects garbage in a server.
 *
 * It is asked to when a cache has become much smaller, so that its memory goes back to the system. The heap is small, and
 * it takes a few ms.
 *
 * And it allocates nothing among what is old because others from the same place in the code have got old (allocation site
 * pretenuring). While a server starts, everything lives on. From then on, the lists of requests that wait for an engine were
 * made old, and each kept its requests alive until the next full collection: 15 ms for each small collection in place of
 * 0.7, and a fifth of the processor's time (Node 20.20).
 *
 * These are flags of V8: only a program that has the process to itself may set them.
 */
import * as V8 from "node:v8"
import * as Vm from "node:vm"
import * as Layer from "effect/Layer"
import { CurrentCollector } from "../store/Garbage.ts"

/** Collects garbage, if this V8 can be asked to. */
const collect = (): void => {
  V8.setFlagsFromString("--expose-gc")
  const gc: unknown = Vm.runInNewContext("typeof gc === 'function' ? gc : undefined")
  if (typeof gc === "function") gc()
}

export const layer: Layer.Layer<never> = Layer.sync(CurrentCollector, () => {
  V8.setFlagsFromString("--no-allocation-site-pretenuring")
  return collect
})
