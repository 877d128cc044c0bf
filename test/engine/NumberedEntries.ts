/** Entries with links and deadlines only, numbered from 0. They are for tests of a single part of the engine. */
import { assert } from "@effect/vitest"
import { META, STRING, wordAt } from "../../src/engine/Entry.ts"
import { ARENA_UNIT_BITS, PAGE_LIMIT } from "../../src/engine/Layout.ts"
import { arrayBuffers, Memory } from "../../src/engine/Memory.ts"
import { classFor, Slots } from "../../src/engine/Slots.ts"
import { Wheel } from "../../src/engine/Wheel.ts"

/** Memory without a limit. */
export const unlimitedMemory = (): Memory => {
  const memory = Memory.make(arrayBuffers)
  memory.header[PAGE_LIMIT] = 1 << 16
  return memory
}

const TIMED_BYTES = 36

export class NumberedEntries {
  readonly memory = unlimitedMemory()
  private readonly addresses: Array<number> = []
  private readonly numbers = new Map<number, number>()

  constructor(count: number) {
    this.takeMore(count)
  }

  takeMore(count: number): void {
    const slots = new Slots(this.memory, { moved: () => assert.fail("nothing moves here") })
    const wheel = new Wheel(this.memory)
    for (let i = 0; i < count; i++) {
      const address = slots.take(classFor(TIMED_BYTES))
      const words = this.memory.words[address >>> ARENA_UNIT_BITS]
      if (words !== undefined) words[wordAt(address) + META] = STRING
      wheel.clear(address)
      this.numbers.set(address, this.addresses.length)
      this.addresses.push(address)
    }
  }

  address(number: number): number {
    return this.addresses[number] ?? assert.fail(`there is no entry ${number}`)
  }

  /** -1 for the address 0. */
  number(address: number): number {
    return address === 0 ? -1 : (this.numbers.get(address) ?? assert.fail(`${address} is no entry's address`))
  }
}
