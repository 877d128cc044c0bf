/**
 * The slot of a key, as Redis Cluster and Valkey Cluster assign it: CRC-16/XMODEM of the key, modulo 16384. If the key has a
 * hash tag, which is what is between its first `{` and the next `}` and is not empty, only that counts. (The Redis
 * Cluster specification, "Key distribution model" and "Hash tags".)
 */

export const SLOTS = 16_384

const POLYNOMIAL = 0x1021
const OPEN = 0x7b
const CLOSE = 0x7d

/** The sum of each byte. */
const table = Uint16Array.from({ length: 256 }, (_, byte) => {
  let sum = byte << 8
  for (let bit = 0; bit < 8; bit++) sum = ((sum << 1) ^ ((sum & 0x8000) === 0 ? 0 : POLYNOMIAL)) & 0xffff
  return sum
})

/** The slot of the key in the `length` bytes from `start` on. */
export const slotOf = (view: DataView, start: number, length: number): number => {
  const end = start + length
  let sum = 0
  for (let at = start; at < end; at++) {
    const byte = view.getUint8(at)
    if (byte === OPEN) {
      const close = closing(view, at + 1, end)
      if (close > at + 1) return sumOf(view, at + 1, close) % SLOTS
      // It has no tag, so that its braces are bytes like others.
      return sumOf(view, start, end) % SLOTS
    }
    sum = ((sum << 8) & 0xffff) ^ table[(sum >>> 8) ^ byte]!
  }
  return sum % SLOTS
}

/** Where the next closing brace is, or -1. */
const closing = (view: DataView, from: number, end: number): number => {
  for (let at = from; at < end; at++) if (view.getUint8(at) === CLOSE) return at
  return -1
}

const sumOf = (view: DataView, from: number, end: number): number => {
  let sum = 0
  for (let at = from; at < end; at++) sum = ((sum << 8) & 0xffff) ^ table[(sum >>> 8) ^ view.getUint8(at)]!
  return sum
}
