/**
 * Has V8 collect garbage when a cache has become much smaller, so that its memory goes back to the system. The heap is
 * small, and it takes a few ms.
 *
 * It switches on a flag of V8: only a program that has the process to itself may do that.
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

export const layer: Layer.Layer<never> = Layer.succeed(CurrentCollector, collect)
