/** Bitmaps: bits, ranges of bits, and numbers of some bits. */
import type { Draw } from "../Draw.ts"
import type { Family } from "../Family.ts"

/** An offset in bits that no value becomes long by. */
const offset = (draw: Draw): string =>
  draw.chance(0.05) ? draw.pick(["", "x", "-1", "4294967296", "9223372036854775807", "1.5"]) : String(draw.below(300))

const unit = (draw: Draw): string =>
  draw.chance(0.05) ? draw.pick(["", "BITS", "x"]) : draw.word(draw.pick(["BIT", "BYTE"]))

/** A range in bytes or bits, or a part of one. */
const range = (draw: Draw): ReadonlyArray<string> =>
  draw.pick([
    () => [],
    () => [draw.index()],
    () => [draw.index(), draw.index()],
    () => [draw.index(), draw.index(), unit(draw)]
  ])()

const place = (draw: Draw): ReadonlyArray<string> => [
  draw.chance(0.05)
    ? draw.pick(["u64", "i65", "i0", "u0", "x8", "i", "", "i08", "I8", "u-1"])
    : `${draw.pick(["i", "u"])}${1 + draw.below(63)}`,
  draw.chance(0.3) ? `#${draw.below(10)}` : offset(draw)
]

const get = (draw: Draw): ReadonlyArray<string> => [draw.word("GET"), ...place(draw)]

const operation = (draw: Draw): ReadonlyArray<string> =>
  draw.pick([
    () => get(draw),
    () => [draw.word("SET"), ...place(draw), draw.integer()],
    () => [draw.word("INCRBY"), ...place(draw), draw.integer()],
    () => [draw.word("OVERFLOW"), draw.word(draw.chance(0.05) ? "X" : draw.pick(["WRAP", "SAT", "FAIL"]))]
  ])()

const bit = (draw: Draw): string => (draw.chance(0.05) ? draw.integer() : draw.pick(["0", "1"]))

export const bitmaps: Family = {
  SETBIT: { weight: 4, arguments: (draw) => [draw.key(), offset(draw), bit(draw)] },
  GETBIT: { weight: 2, arguments: (draw) => [draw.key(), offset(draw)] },
  BITCOUNT: { weight: 4, arguments: (draw) => [draw.key(), ...range(draw)] },
  BITPOS: { weight: 4, arguments: (draw) => [draw.key(), bit(draw), ...range(draw)] },
  BITOP: {
    weight: 3,
    arguments: (draw) => [
      draw.word(draw.chance(0.05) ? "NAND" : draw.pick(["AND", "OR", "XOR", "NOT"])),
      draw.key(),
      ...draw.keys(1, draw.chance(0.5) ? 1 : 4)
    ]
  },
  BITFIELD: { weight: 6, arguments: (draw) => [draw.key(), ...draw.list(0, 5, () => operation(draw))] },
  BITFIELD_RO: (draw) => [draw.key(), ...draw.list(0, 3, () => (draw.chance(0.95) ? get(draw) : operation(draw)))]
}
