/**
 * Measures what an entry costs beside its key and value: the memory of a keyspace with a million entries, after a
 * collection, divided. `ENTRY_OVERHEAD_BYTES` in `src/store/Keyspace.ts` is its result. Run it with
 * `npm run bench:overhead`.
 */
import { Key, NO_TTL, Value } from "../../src/domain/Command.ts"
import { Keyspace } from "../../src/store/Keyspace.ts"

// Just past a doubling of the arrays and the map, where an entry costs the most.
const ENTRIES = 2 ** 20 + 1
const KEY_BYTES = 16
const VALUE_BYTES = 64

const used = (): number => {
  globalThis.gc?.()
  globalThis.gc?.()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

if (globalThis.gc === undefined) throw new Error("run with --expose-gc")

// Made from bytes, as the server makes them: strings that are built by joining others cost more.
const text = (number: number, length: number): string =>
  Buffer.from(String(number).padStart(length, "x"), "latin1").toString("latin1")

const before = used()
const keyspace = new Keyspace({ maxKeys: ENTRIES }, 0)
for (let i = 0; i < ENTRIES; i++) {
  keyspace.put(Key.make(text(i, KEY_BYTES)), Value.make(text(i, VALUE_BYTES)), NO_TTL, 0)
}
const perEntry = (used() - before) / keyspace.size

console.log(
  `node ${process.version}: ${perEntry.toFixed(1)} bytes an entry of ${KEY_BYTES} + ${VALUE_BYTES} bytes, ` +
    `${(perEntry - KEY_BYTES - VALUE_BYTES).toFixed(1)} of them overhead`
)
