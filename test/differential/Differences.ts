/** What is known and wanted to be different from Redis, each with its reason. The differential test accepts it. */

export interface Difference {
  /** Why it is so. */
  readonly reason: string
  /** Whether it explains these replies to a command. Replies have one character for each byte. */
  readonly explains: (words: ReadonlyArray<string>, ours: string, redis: string) => boolean
}

const isCommand = (words: ReadonlyArray<string>, ...names: ReadonlyArray<string>): boolean =>
  names.includes(words[0]?.toUpperCase() ?? "")

const isSubcommand = (words: ReadonlyArray<string>, name: string, subcommand: string): boolean =>
  isCommand(words, name) && words[1]?.toUpperCase() === subcommand

const numberIn = (reply: string): number => Number(/^:(-?[0-9]+)\r\n$/.exec(reply)?.[1])

/** In ms: no deadline of the engine is further away. */
const FURTHEST = Number.MAX_SAFE_INTEGER

export const differences: ReadonlyArray<Difference> = [
  {
    reason: "Deadlines are exact up to 2^53 ms, the year 287,396. Later ones count as that.",
    explains: (words, ours, redis) => {
      if (!isCommand(words, "TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME")) return false
      const furthest = words[0]?.toUpperCase().startsWith("P") === true ? FURTHEST : FURTHEST / 1000
      return numberIn(redis) > furthest * 0.99 && numberIn(ours) > furthest * 0.99
    }
  },
  {
    reason: "How a value is kept is told from the value alone. Redis also knows which command made it.",
    explains: (words, ours, redis) =>
      isSubcommand(words, "OBJECT", "ENCODING") &&
      /^\$\d\r\n(?:embstr|raw)\r\n$/.test(redis) &&
      /^\$\d\r\n(?:int|embstr|raw)\r\n$/.test(ours)
  },
  {
    reason:
      "No value is shared. Redis shares small integers as long as it evicts nothing, and what a transaction has queued.",
    explains: (words, ours, redis) =>
      isSubcommand(words, "OBJECT", "REFCOUNT") && numberIn(redis) > 1 && ours === ":1\r\n"
  },
  {
    reason: "A key that has expired is gone for every command. Redis tells the memory of one that is not removed yet.",
    explains: (words, ours, redis) =>
      isSubcommand(words, "MEMORY", "USAGE") && redis.startsWith(":") && /^(?:_|\$-1)\r\n$/.test(ours)
  }
]
