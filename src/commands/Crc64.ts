/**
 * CRC-64 as Redis computes it for what it dumps: the polynomial of D. Jones, reflected, from 0 on. It takes eight bytes at
 * a time (M. Kounavis and F. Berry, "A systematic approach to building high performance software-based CRC generators",
 * 2005: "slicing by 8"). A sum is two words, because JavaScript computes with words of 32 bits.
 */

/** The polynomial, with its bits in reverse order. */
const POLYNOMIAL_LOW = 0xac4b_c9b5 | 0
const POLYNOMIAL_HIGH = 0x95ac_9329 | 0

const TABLES = 8
const BYTES = 256

// The sum of byte b that is followed by t zero bytes is at t * 256 + b.
const lows = new Int32Array(TABLES * BYTES)
const highs = new Int32Array(TABLES * BYTES)

for (let byte = 0; byte < BYTES; byte++) {
  let low = byte
  let high = 0
  for (let bit = 0; bit < 8; bit++) {
    const isOdd = (low & 1) !== 0
    low = (low >>> 1) | (high << 31)
    high >>>= 1
    if (!isOdd) continue
    low ^= POLYNOMIAL_LOW
    high ^= POLYNOMIAL_HIGH
  }
  lows[byte] = low
  highs[byte] = high
}
for (let at = BYTES; at < TABLES * BYTES; at++) {
  const low = lows[at - BYTES]!
  const high = highs[at - BYTES]!
  lows[at] = lows[low & 0xff]! ^ ((low >>> 8) | (high << 24))
  highs[at] = highs[low & 0xff]! ^ (high >>> 8)
}

export class Crc64 {
  private low = 0
  private high = 0

  /** Adds the bytes from `start` to `end` (exclusive). */
  add(bytes: Uint8Array, start: number, end: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    let { high, low } = this
    let at = start
    for (const whole = end - 7; at < whole; at += 8) {
      const a = low ^ view.getInt32(at, true)
      const b = high ^ view.getInt32(at + 4, true)
      const a0 = 7 * BYTES + (a & 0xff)
      const a1 = 6 * BYTES + ((a >>> 8) & 0xff)
      const a2 = 5 * BYTES + ((a >>> 16) & 0xff)
      const a3 = 4 * BYTES + (a >>> 24)
      const b0 = 3 * BYTES + (b & 0xff)
      const b1 = 2 * BYTES + ((b >>> 8) & 0xff)
      const b2 = BYTES + ((b >>> 16) & 0xff)
      const b3 = b >>> 24
      low = lows[a0]! ^ lows[a1]! ^ lows[a2]! ^ lows[a3]! ^ lows[b0]! ^ lows[b1]! ^ lows[b2]! ^ lows[b3]!
      high = highs[a0]! ^ highs[a1]! ^ highs[a2]! ^ highs[a3]! ^ highs[b0]! ^ highs[b1]! ^ highs[b2]! ^ highs[b3]!
    }
    for (; at < end; at++) {
      const byte = (low ^ bytes[at]!) & 0xff
      low = lows[byte]! ^ ((low >>> 8) | (high << 24))
      high = highs[byte]! ^ (high >>> 8)
    }
    this.low = low
    this.high = high
  }

  /** Writes the sum to the eight bytes from `at` on, the lowest first. */
  write(into: Buffer, at: number): void {
    into.writeInt32LE(this.low, at)
    into.writeInt32LE(this.high, at + 4)
  }

  /** Whether the sum is in the eight bytes from `at` on. */
  equals(bytes: Buffer, at: number): boolean {
    return bytes.readInt32LE(at) === this.low && bytes.readInt32LE(at + 4) === this.high
  }
}
