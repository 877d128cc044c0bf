/** Strings: whole values, numbers, parts of values. */
import type { Draw } from "../Draw.ts"
import type { Family } from "../Family.ts"

/** A time in one of its forms, with its unit. */
const expiry = (draw: Draw): ReadonlyArray<string> =>
  draw.pick([
    () => [draw.word("EX"), draw.seconds()],
    () => [draw.word("PX"), draw.millis()],
    () => [draw.word("EXAT"), draw.unixSeconds()],
    () => [draw.word("PXAT"), draw.unixMillis()]
  ])()

const pairs = (draw: Draw): ReadonlyArray<string> => draw.list(1, 4, () => [draw.key(), draw.value()])

export const strings: Family = {
  SET: {
    weight: 12,
    arguments: (draw) => [
      draw.key(),
      draw.value(),
      ...(draw.chance(0.4)
        ? []
        : draw.options(
            0.3,
            () => [draw.word("NX")],
            () => [draw.word("XX")],
            () => [draw.word("GET")],
            () => [draw.word("KEEPTTL")],
            () => expiry(draw)
          ))
    ]
  },
  GET: { weight: 8, arguments: (draw) => [draw.key()] },
  SETEX: (draw) => [draw.key(), draw.seconds(), draw.value()],
  PSETEX: (draw) => [draw.key(), draw.millis(), draw.value()],
  SETNX: (draw) => [draw.key(), draw.value()],
  GETSET: (draw) => [draw.key(), draw.value()],
  GETDEL: { weight: 3, arguments: (draw) => [draw.key()] },
  GETEX: {
    weight: 3,
    arguments: (draw) => [
      draw.key(),
      ...draw.options(
        0.4,
        () => expiry(draw),
        () => [draw.word("PERSIST")]
      )
    ]
  },
  MGET: { weight: 2, arguments: (draw) => draw.keys(1, 10) },
  MSET: { weight: 2, arguments: pairs },
  MSETNX: pairs,
  STRLEN: { weight: 2, arguments: (draw) => [draw.key()] },
  INCR: { weight: 4, arguments: (draw) => [draw.key()] },
  DECR: { weight: 2, arguments: (draw) => [draw.key()] },
  INCRBY: { weight: 3, arguments: (draw) => [draw.key(), draw.integer()] },
  DECRBY: { weight: 3, arguments: (draw) => [draw.key(), draw.integer()] },
  INCRBYFLOAT: { weight: 6, arguments: (draw) => [draw.key(), draw.float()] },
  APPEND: { weight: 3, arguments: (draw) => [draw.key(), draw.value()] },
  GETRANGE: { weight: 4, arguments: (draw) => [draw.key(), draw.index(), draw.index()] },
  SUBSTR: (draw) => [draw.key(), draw.index(), draw.index()],
  SETRANGE: { weight: 3, arguments: (draw) => [draw.key(), draw.index(), draw.value()] },
  LCS: {
    weight: 3,
    arguments: (draw) => [
      ...draw.keys(2, 2),
      ...draw.options(
        0.4,
        () => [draw.word("LEN")],
        () => [draw.word("IDX")],
        () => [draw.word("MINMATCHLEN"), draw.chance(0.8) ? String(draw.below(5) - 1) : draw.integer()],
        () => [draw.word("WITHMATCHLEN")]
      )
    ]
  }
}
