/** Keys whatever their values are: deadlines, moves, dumps, walks through the keys, and whole databases. */
import { type Draw, NO_NUMBERS } from "../Draw.ts"
import { type Compare, type Family, inAnyOrder, within } from "../Family.ts"

const MILLIS = 2000
const SECONDS = 2

const one = (draw: Draw): ReadonlyArray<string> => [draw.key()]

const some = (draw: Draw): ReadonlyArray<string> => draw.keys(1, 5)

const database = (draw: Draw): string =>
  draw.chance(0.9) ? String(draw.below(3)) : draw.pick(["16", "-1", "x", "2147483648", "99999999999999999999"])

const conditions = (draw: Draw): ReadonlyArray<string> =>
  draw.chance(0.5)
    ? []
    : draw.options(
        0.3,
        () => [draw.word("NX")],
        () => [draw.word("XX")],
        () => [draw.word("GT")],
        () => [draw.word("LT")],
        () => (draw.chance(0.1) ? [draw.pick(["FOO", "", "a\r\nb", "N\0X"])] : [])
      )

/** Times that are past, bounds, and none: what would pass during the test is not among them. */
const NO_TIMES = [
  "0",
  "-1",
  "-100",
  "9007199254740993",
  "9223372036854775",
  "9223372036854776",
  "9223372036854775807",
  "-9223372036854775807",
  "-9223372036854775808",
  ...NO_NUMBERS
] as const

const expiring = (time: (draw: Draw) => string) => ({
  weight: 3,
  arguments: (draw: Draw) => [draw.key(), draw.chance(0.1) ? draw.pick(NO_TIMES) : time(draw), ...conditions(draw)]
})

/** What cannot be the same is of the same kind: both null, both errors, both numbers. */
const kind: Compare = (ours, redis) => {
  const kindOf = (reply: string): string => (reply.startsWith("$-1") ? reply : reply.slice(0, 1))
  return kindOf(ours) === kindOf(redis) ? undefined : "the kinds of the replies differ"
}

/** Redis stores a value whose deadline has passed, and counts its key until it meets it. */
const fewer: Compare = (ours, redis) =>
  ours === redis || Number(ours.slice(1)) < Number(redis.slice(1)) ? undefined : "there are too many"

const PATTERNS = [
  "*",
  "?",
  "[a-d]",
  "[^a-d]",
  "[d-a]",
  "*e*",
  "a",
  "\\a",
  "",
  "**",
  "[ab",
  "[^",
  "x*",
  "\0",
  "k*\xff",
  "*}*y"
] as const

const pattern = (draw: Draw): string => draw.pick(PATTERNS)

/** Pages of a walk are of a server's own. A walk that is one page has the same keys everywhere. */
const pages: Compare = (ours, redis, words) => {
  const isPage = (reply: string): boolean => reply.startsWith("*2\r\n$")
  const isWhole = (reply: string): boolean => reply.startsWith("*2\r\n$1\r\n0\r\n")
  if (!isPage(ours) || !isPage(redis)) return ours === redis ? undefined : "the replies differ"
  return words[1] === "0" && isWhole(ours) && isWhole(redis) ? inAnyOrder(ours, redis, words) : undefined
}

/** What Redis 7.0.15 has dumped, and what is none. */
const DUMPS = [
  "00c0050a00632f5f66832fb351",
  "00c1d4fe0a00c6c48623febede2e",
  "00c2a08601000a00f12403506f2fa674",
  "000568656c6c6f0a006372df766534200a",
  "000c3132333435363738393031320a00911001b1d116e7ac",
  "00c30b405a0361626361e04b020162630a00238036f9e2d0c780",
  "000568656c6c6f0a006372df766534200b",
  "000568656c6c6fff006372df766534200a",
  "00",
  ""
] as const

export const keys: Family = {
  DEL: { weight: 3, arguments: some },
  UNLINK: some,
  EXISTS: { weight: 2, arguments: some },
  TOUCH: some,
  TYPE: one,
  KEYS: { compare: inAnyOrder, arguments: (draw) => [pattern(draw)] },
  SCAN: {
    weight: 2,
    compare: pages,
    arguments: (draw) => [
      draw.chance(0.9) ? "0" : draw.pick(["x", "", "-1", "18446744073709551616", "1", " 1"]),
      ...draw.options(
        0.4,
        () => [draw.word("MATCH"), pattern(draw)],
        () => [draw.word("TYPE"), draw.pick(["string", "STRING", "hash", "foo"])]
      ),
      draw.word("COUNT"),
      draw.chance(0.9) ? "1000" : draw.integer()
    ]
  },
  RANDOMKEY: { compare: kind, arguments: () => [] },
  EXPIRE: expiring((draw) => draw.seconds()),
  PEXPIRE: expiring((draw) => draw.millis()),
  EXPIREAT: expiring((draw) => draw.unixSeconds()),
  PEXPIREAT: expiring((draw) => draw.unixMillis()),
  TTL: { weight: 2, compare: within(SECONDS), arguments: one },
  PTTL: { weight: 2, compare: within(MILLIS), arguments: one },
  EXPIRETIME: { weight: 2, compare: within(SECONDS), arguments: one },
  PEXPIRETIME: { weight: 2, compare: within(MILLIS), arguments: one },
  PERSIST: { weight: 2, arguments: one },
  RENAME: { weight: 2, arguments: (draw) => draw.keys(2, 2) },
  RENAMENX: { weight: 2, arguments: (draw) => draw.keys(2, 2) },
  COPY: {
    weight: 3,
    arguments: (draw) => [
      ...draw.keys(2, 2),
      ...draw.options(
        0.4,
        () => [draw.word("DB"), database(draw)],
        () => [draw.word("REPLACE")]
      )
    ]
  },
  MOVE: { weight: 2, arguments: (draw) => [draw.key(), database(draw)] },
  DUMP: { compare: kind, arguments: one },
  RESTORE: {
    weight: 2,
    // Redis lets a ttl overflow that is too large, and the key has expired.
    isSpoilt: false,
    arguments: (draw) => [
      draw.key(),
      draw.pick(["0", "0", "0", "100000000", "-1", "x"]),
      Buffer.from(draw.pick(DUMPS), "hex").toString("latin1"),
      ...draw.options(
        0.3,
        () => [draw.word("REPLACE")],
        () => [draw.word("IDLETIME"), draw.pick(["0", "10", "-1", "x"])],
        () => [draw.word("FREQ"), draw.pick(["0", "255", "256", "-1", "x"])]
      )
    ]
  },
  "OBJECT|ENCODING": one,
  "OBJECT|FREQ": one,
  "OBJECT|REFCOUNT": one,
  "OBJECT|HELP": () => [],
  "MEMORY|USAGE": {
    compare: kind,
    arguments: (draw) => [draw.key(), ...(draw.chance(0.3) ? [draw.word("SAMPLES"), draw.integer()] : [])]
  },
  DBSIZE: { compare: fewer, arguments: () => [] },
  FLUSHDB: (draw) => draw.options(0.3, () => [draw.word(draw.pick(["SYNC", "ASYNC", "NOW"]))]),
  FLUSHALL: (draw) => draw.options(0.3, () => [draw.word(draw.pick(["SYNC", "ASYNC", "NOW"]))]),
  SWAPDB: (draw) => [database(draw), database(draw)],
  // With replicas to wait for, a Redis would wait.
  WAIT: { isSpoilt: false, arguments: (draw) => [draw.pick(["0", "-1", "x"]), draw.pick(["0", "1", "-1", "x"])] }
}
