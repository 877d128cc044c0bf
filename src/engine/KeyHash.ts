/**
 * The hash of a key: HalfSipHash-1-3, keyed with 64 secret bits. Pure: the secret is an argument.
 *
 * Clients choose the keys. If they could compute the hash, they could choose keys that all collide and make every
 * operation slow (Crosby and Wallach, "Denial of service via algorithmic complexity attacks", 2003). SipHash was
 * designed against that. (J.-P. Aumasson and D. J. Bernstein, "SipHash: a fast short-input PRF", 2012.) The Linux
 * kernel uses this variant for hash tables on 32-bit machines (`hsiphash`). It needs only additions, rotations and
 * exclusive ors of 32-bit words, which JavaScript does natively.
 */

import { lastWord } from "./Words.ts"

export class KeyHash {
  private readonly key0: number
  private readonly key1: number

  /** The secret as two 32-bit words. */
  constructor(key0: number, key1: number) {
    this.key0 = key0 | 0
    this.key1 = key1 | 0
  }

  /** `secret` has eight bytes. */
  static withSecret(secret: Buffer): KeyHash {
    return new KeyHash(secret.readInt32LE(0), secret.readInt32LE(4))
  }

  /** The hash of `length` bytes from `start` on, as a signed 32-bit integer. */
  hash(bytes: DataView, start: number, length: number): number {
    let v0 = this.key0
    let v1 = this.key1
    let v2 = 0x6c79_6765 ^ this.key0
    let v3 = 0x7465_6462 ^ this.key1
    const whole = start + (length & ~3)
    for (let at = start; at < whole; at += 4) {
      const word = bytes.getInt32(at, true)
      v3 ^= word
      // One round. It is repeated twice below, because a function would have to return four values. The last word is
      // not in this loop either: the branch for it would make the whole hash a third slower.
      v0 = (v0 + v1) | 0
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
      v0 = (v0 << 16) | (v0 >>> 16)
      v2 = (v2 + v3) | 0
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
      v0 = (v0 + v3) | 0
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
      v2 = (v2 + v1) | 0
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
      v2 = (v2 << 16) | (v2 >>> 16)
      v0 ^= word
    }
    // The last word holds the remaining bytes and the length.
    const last = (length << 24) | lastWord(bytes, whole, start + length)
    v3 ^= last
    v0 = (v0 + v1) | 0
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
    v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    v2 = (v2 << 16) | (v2 >>> 16)
    v0 ^= last
    v2 ^= 0xff
    for (let round = 0; round < 3; round++) {
      v0 = (v0 + v1) | 0
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
      v0 = (v0 << 16) | (v0 >>> 16)
      v2 = (v2 + v3) | 0
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
      v0 = (v0 + v3) | 0
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
      v2 = (v2 + v1) | 0
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
      v2 = (v2 << 16) | (v2 >>> 16)
    }
    return v1 ^ v3
  }
}
