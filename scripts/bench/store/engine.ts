/**
 * Measures one engine at one size, in a process of its own, so that no engine meets another's garbage.
 *
 * The work is a server's: keys and values are new strings each time, cut from bytes. Operations come in slices, with a
 * turn of the event loop between them. The time of a slice is the time that other clients would wait.
 */
import { setImmediate } from "node:timers/promises"
import { fail, finish, readOptions } from "../load/Helper.ts"
import { runQueueClock } from "../Proc.ts"
import { engines } from "./Engines.ts"
import type { EngineOptions, EngineResult, Phase } from "./Work.ts"

const { engine: name, entries, seconds } = readOptions<EngineOptions>()

/** How many operations run between two turns of the event loop. */
const SLICE = 256

const KEY_SIZE = 16
const VALUE_SIZE = 64

/** The time until collected memory has been given back, in ms. */
const SETTLE = 300

/** The most digits of a number. */
const DIGITS = 9

const bytes = Buffer.alloc(KEY_SIZE + VALUE_SIZE, "0")

/** Writes a number's digits, right-aligned, over another number's. */
const writeNumber = (number: number, end: number): void => {
  let rest = number | 0
  for (let at = end - 1; at >= end - DIGITS; at--) {
    const above = (rest / 10) | 0
    bytes[at] = 48 + rest - above * 10
    rest = above
  }
}

const keyOf = (number: number): string => {
  writeNumber(number, KEY_SIZE)
  return bytes.toString("latin1", 0, KEY_SIZE)
}

const valueOf = (number: number): string => {
  writeNumber(number, KEY_SIZE + VALUE_SIZE)
  return bytes.toString("latin1", KEY_SIZE, KEY_SIZE + VALUE_SIZE)
}

/** xorshift32 */
let state = 0x2545_f491
const random = (below: number): number => {
  state ^= state << 13
  state ^= state >>> 17
  state ^= state << 5
  return (state >>> 0) % below
}

/** The time without waits for a core, which no engine causes. */
const queued = runQueueClock(process.pid)

const now = (): number => Math.floor(performance.now())

const resident = async (): Promise<number> => {
  globalThis.gc?.()
  globalThis.gc?.()
  await setImmediate()
  await new Promise((resolve) => setTimeout(resolve, SETTLE))
  return process.memoryUsage.rss()
}

const phase = async (most: number, limit: number, operate: (index: number, now: number) => void): Promise<Phase> => {
  let operations = 0
  let spent = 0
  let longest = 0
  const deadline = performance.now() + limit * 1000
  while (operations < most && performance.now() < deadline) {
    const queuedBefore = queued()
    const start = performance.now()
    const at = now()
    const end = Math.min(most, operations + SLICE)
    for (let i = operations; i < end; i++) operate(i, at)
    const took = performance.now() - start - (queued() - queuedBefore)
    operations = end
    spent += took
    if (took > longest) longest = took
    await setImmediate()
  }
  return { operations, nanos: (spent / operations) * 1e6, longest }
}

if (globalThis.gc === undefined) fail("run with --expose-gc")

/** Warms up the code on a small cache, so that the figures compare engines and not the compiler. */
const make = engines[name]
const exercise = async (size: number, limit: number): Promise<EngineResult> => {
  const before = await resident()
  const engine = make(size, now())
  const put = (number: number, at: number): void => engine.put(keyOf(number), valueOf(number), at)
  const fill = await phase(size, Number.POSITIVE_INFINITY, put)
  const bytesPerEntry = ((await resident()) - before) / size
  const get = await phase(Number.POSITIVE_INFINITY, limit, (_, at) => {
    const number = random(size)
    if (engine.get(keyOf(number), at)?.length !== VALUE_SIZE) fail(`${name}: key ${number} is not there`)
  })
  const overwrite = await phase(Number.POSITIVE_INFINITY, limit, (_, at) => put(random(size), at))
  const evict = await phase(Number.POSITIVE_INFINITY, limit, (i, at) => put(size + i, at))
  return { fill, get, overwrite, evict, bytesPerEntry }
}

await exercise(1000, 0.1)
finish(await exercise(entries, seconds))
