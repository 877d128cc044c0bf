/** Commands that walk through the keys of a database. They read no value and are no use of the keys. */
import type { CommandBatch } from "../domain/CommandBatch.ts"
import { ERR, FixedReply } from "../domain/Reply.ts"
import { NOT_THERE } from "../engine/Engine.ts"
import { MAX_KEY_LENGTH } from "../engine/Limits.ts"
import { integer, isWord } from "./Arguments.ts"
import type { Entry } from "./Entry.ts"
import type { Execution } from "./Execution.ts"
import { findBytes } from "./Find.ts"
import { matches } from "./Glob.ts"
import { notAnInteger, syntaxError } from "./Replies.ts"

const STAR = 0x2a
const SPECIAL: ReadonlySet<number> = new Set(Buffer.from("*?[\\"))

const invalidCursor = new FixedReply((sink) => sink.error(ERR, "invalid cursor"))

/** How many keys a SCAN without COUNT examines. */
const COUNT = 10

/** A SCAN that finds too few keys of its database among those of others looks on, so many times in all. As in Redis. */
const ROUNDS = 10

/** How many keys KEYS examines at a time. */
const KEYS_AT_ONCE = 8192

// Where a key is copied to, to be compared with a pattern or to be answered with.
const key = Buffer.allocUnsafeSlow(MAX_KEY_LENGTH)

/** A pattern that every key matches. */
const isAll = (pattern: Buffer): boolean => pattern.length === 1 && pattern[0] === STAR

/** Whether the key of an entry is there and matches a pattern, if there is one. */
const isWanted = ({ engine, now }: Execution, entry: number, pattern: Buffer | undefined): boolean => {
  if (engine.deadline(entry) <= now) return false
  if (pattern === undefined) return true
  engine.copyKey(entry, key, 0)
  return matches(pattern, key, 0, engine.keyLength(entry))
}

const answerWithKeys = ({ engine, sink }: Execution, entries: ReadonlyArray<number>): void => {
  sink.array(entries.length)
  for (const entry of entries) {
    engine.copyKey(entry, key, 0)
    sink.bulk(key, 0, engine.keyLength(entry))
  }
}

/** An argument as a pattern, or `undefined` if every key matches it. It is not copied. */
const patternOf = (commands: CommandBatch, command: number, argument: number): Buffer | undefined => {
  const start = commands.argStart(command, argument)
  const pattern = commands.bytes.subarray(start, start + commands.argLength(command, argument))
  return isAll(pattern) ? undefined : pattern
}

/** Whether a pattern matches one key only, which is the pattern itself. */
const isLiteral = (pattern: Buffer): boolean => !pattern.some((byte) => SPECIAL.has(byte))

const keys: Entry = {
  name: "KEYS",
  group: "generic",
  since: "1.0.0",
  protocols: ["resp"],
  arity: { min: 1, max: 1 },
  flags: ["read"],
  usage: "KEYS pattern",
  summary: "List the keys of the database that match a pattern",
  details: [
    "* stands for any bytes, ? for any byte, [a-z] for one of some, [^a-z] for one of the others.",
    "A \\ stands before what is meant as itself.",
    "While it walks through millions of keys, nobody else is served: see SCAN."
  ],
  execute: (execution, commands, command) => {
    const { database, engine } = execution
    const pattern = patternOf(commands, command, 0)
    if (pattern !== undefined && isLiteral(pattern)) {
      const entry = findBytes(execution, pattern, execution.database)
      return answerWithKeys(execution, entry === NOT_THERE ? [] : [entry])
    }
    const found: Array<number> = []
    let cursor = 0
    do {
      cursor = engine.scan(cursor, KEYS_AT_ONCE, database, (entry) => {
        if (isWanted(execution, entry, pattern)) found.push(entry)
      })
    } while (cursor !== 0)
    answerWithKeys(execution, found)
  }
}

/** What C's `strtoul` takes. An empty text is 0, as in Redis. */
const CURSOR = /^[+-]?[0-9]+$|^$/

const CURSORS = 2n ** 64n

/**
 * The cursor that an argument is, or `undefined`. Redis takes any number of 64 bits, so a number that no SCAN gave is
 * none that is refused.
 */
const cursorOf = (commands: CommandBatch, command: number): number | undefined => {
  const text = commands.text(command, 0)
  if (!CURSOR.test(text)) return undefined
  const size = BigInt(text.replace(/^[+-]/, ""))
  if (size >= CURSORS) return undefined
  return Number(BigInt.asUintN(32, text.startsWith("-") ? -size : size))
}

const scan: Entry = {
  name: "SCAN",
  group: "generic",
  since: "2.8.0",
  protocols: ["resp"],
  arity: { min: 1, max: Number.POSITIVE_INFINITY },
  flags: ["read"],
  usage: "SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]",
  summary: "List some keys of the database, and the cursor to go on with",
  details: [
    "The first cursor is 0, and so is the one after the last keys.",
    "What is there from the first SCAN to the last is listed. What comes or goes meanwhile may be.",
    "COUNT is how many keys to examine, 10 if absent. MATCH takes a pattern, as KEYS does."
  ],
  execute: (execution, commands, command) => {
    const { database, engine, sink } = execution
    const argc = commands.argc(command)
    let cursor = cursorOf(commands, command)
    if (cursor === undefined) return sink.fixed(invalidCursor)
    let count = COUNT
    let pattern: Buffer | undefined = undefined
    let isOfType = true
    for (let argument = 1; argument < argc; argument += 2) {
      if (argument + 1 === argc) return sink.fixed(syntaxError)
      if (isWord(commands, command, argument, "COUNT")) {
        count = integer(commands, command, argument + 1)
        if (Number.isNaN(count)) return sink.fixed(notAnInteger)
        if (count < 1) return sink.fixed(syntaxError)
      } else if (isWord(commands, command, argument, "MATCH")) pattern = patternOf(commands, command, argument + 1)
      // All values are strings today.
      else if (isWord(commands, command, argument, "TYPE")) isOfType = isWord(commands, command, argument + 1, "STRING")
      else return sink.fixed(syntaxError)
    }
    const found: Array<number> = []
    let examined = 0
    // Who looks into an empty database does not have to walk through the keys of the others.
    if (engine.keysIn(database) === 0) cursor = 0
    for (let round = 0; round < ROUNDS && engine.keysIn(database) > 0; round++) {
      // Each round looks through a whole segment of the index for keys of about as many hashes, or half of that.
      cursor = engine.scan(cursor, 2 * count, database, (entry) => {
        examined++
        if (isOfType && isWanted(execution, entry, pattern)) found.push(entry)
      })
      if (cursor === 0 || examined >= count) break
    }
    sink.array(2)
    sink.text(String(cursor))
    answerWithKeys(execution, found)
  }
}

const randomKey: Entry = {
  name: "RANDOMKEY",
  group: "generic",
  since: "1.0.0",
  protocols: ["resp"],
  arity: { min: 0, max: 0 },
  flags: ["read"],
  usage: "RANDOMKEY",
  summary: "Show any key of the database",
  details: ["Each key is about as likely as any other."],
  execute: (execution) => {
    const { database, engine, now, sink } = execution
    const entry = engine.randomEntry(execution.random(), database, now)
    if (entry === NOT_THERE) return sink.null()
    engine.copyKey(entry, key, 0)
    sink.bulk(key, 0, engine.keyLength(entry))
  }
}

/** In the order in which they are shown. */
export const scans: ReadonlyArray<Entry> = [keys, scan, randomKey]
