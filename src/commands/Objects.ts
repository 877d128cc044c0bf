/**
 * OBJECT and MEMORY USAGE: what is kept of a value besides its bytes. There is less of it than in Redis, and nothing is
 * made up: see `OBJECT FREQ`.
 */
import { ERR, FixedReply } from "../domain/Reply.ts"
import { entryBytes, NOT_THERE } from "../engine/Engine.ts"
import { NEVER } from "../engine/Wheel.ts"
import { integer, integerIn, isWord } from "./Arguments.ts"
import type { Entry, Execute } from "./Entry.ts"
import type { Execution } from "./Execution.ts"
import { find } from "./Find.ts"
import { notAnInteger, one, syntaxError } from "./Replies.ts"

/** The longest string that Redis keeps in one piece with its object, in bytes. */
const MAX_EMBEDDED = 44

const MILLIS_PER_SECOND = 1000

/** The digits of the longest integer, and its sign. */
const MAX_INTEGER_LENGTH = 20

const int = new FixedReply((sink) => sink.text("int"))
const embedded = new FixedReply((sink) => sink.text("embstr"))
const raw = new FixedReply((sink) => sink.text("raw"))

const digits = Buffer.alloc(MAX_INTEGER_LENGTH)
const digitsView = new DataView(digits.buffer, digits.byteOffset, digits.length)

/** How Redis would keep the value of an entry that was just SET. All values are strings today. */
const encodingOf = ({ engine }: Execution, entry: number): FixedReply => {
  const length = engine.valueLength(entry)
  if (length <= MAX_INTEGER_LENGTH) {
    engine.copyValue(entry, 0, length, digits, 0)
    if (!Number.isNaN(integerIn(digitsView, 0, length))) return int
  }
  return length <= MAX_EMBEDDED ? embedded : raw
}

const about =
  (answer: (execution: Execution, entry: number) => void): Execute =>
  (execution, commands, command) => {
    const entry = find(execution, commands, command)
    if (entry === NOT_THERE) execution.sink.null()
    else answer(execution, entry)
  }

const object = (name: string, summary: string, answer: (execution: Execution, entry: number) => void): Entry => ({
  name: `OBJECT|${name}`,
  group: "generic",
  since: name === "FREQ" ? "4.0.0" : "2.2.3",
  protocols: ["resp"],
  arity: { min: 1, max: 1 },
  keys: { first: 0, last: 0 },
  flags: ["read"],
  usage: `OBJECT ${name} key`,
  summary,
  details: [],
  execute: about(answer)
})

const encoding = object("ENCODING", "Tell how Redis would keep a value", (execution, entry) =>
  execution.sink.fixed(encodingOf(execution, entry))
)

const noFrequency = new FixedReply((sink) =>
  sink.error(
    ERR,
    "An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust."
  )
)

const frequency = object("FREQ", "Tell how often a key is used, which is not counted", ({ sink }) =>
  sink.fixed(noFrequency)
)

const idleTime = object("IDLETIME", "Tell for how many seconds a key has not been used", ({ engine, sink }, entry) =>
  sink.integer(Math.floor(engine.idleTime(entry) / MILLIS_PER_SECOND))
)

const referenceCount = object("REFCOUNT", "Tell how many keys share a value: none does", ({ sink }) => sink.fixed(one))

// As Redis prints it.
const HELP = [
  "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
  "ENCODING <key>",
  "    Return the kind of internal representation used in order to store the value",
  "    associated with a <key>.",
  "FREQ <key>",
  "    Return the access frequency index of the <key>. The returned integer is",
  "    proportional to the logarithm of the recent access frequency of the key.",
  "IDLETIME <key>",
  "    Return the idle time of the <key>, that is the approximated number of",
  "    seconds elapsed since the last access to the key.",
  "REFCOUNT <key>",
  "    Return the number of references of the value associated with the specified",
  "    <key>.",
  "HELP",
  "    Prints this help."
]

const help: Entry = {
  name: "OBJECT|HELP",
  group: "generic",
  since: "6.2.0",
  protocols: ["resp"],
  arity: { min: 0, max: 0 },
  flags: ["loading", "stale"],
  usage: "OBJECT HELP",
  summary: "List the subcommands of OBJECT",
  details: [],
  execute: ({ sink }) => {
    sink.array(HELP.length)
    for (const line of HELP) sink.simple(line)
  }
}

const memoryUsage: Entry = {
  name: "MEMORY|USAGE",
  group: "server",
  since: "4.0.0",
  protocols: ["resp"],
  arity: { min: 1, max: Number.POSITIVE_INFINITY },
  keys: { first: 0, last: 0 },
  flags: ["read"],
  usage: "MEMORY USAGE key [SAMPLES count]",
  summary: "Tell how many bytes a key takes, with its value and its share of the index",
  details: [],
  execute: ({ database, engine, now, sink }, commands, command) => {
    const argc = commands.argc(command)
    for (let argument = 1; argument < argc; argument += 2) {
      // Samples are of the parts of a collection. A string is counted whole.
      if (!isWord(commands, command, argument, "SAMPLES") || argument + 1 === argc) return sink.fixed(syntaxError)
      const samples = integer(commands, command, argument + 1)
      if (Number.isNaN(samples)) return sink.fixed(notAnInteger)
      if (samples < 0) return sink.fixed(syntaxError)
    }
    const key = commands.firstKey(command)
    const length = commands.keyLength(key)
    const entry = engine.find(commands.view, commands.keyStart(key), length, commands.hash(key), database, now)
    if (entry === NOT_THERE) return sink.null()
    sink.integer(entryBytes(length, engine.valueLength(entry), engine.deadline(entry) !== NEVER))
  }
}

/** In the order in which they are shown. */
export const objects: ReadonlyArray<Entry> = [encoding, frequency, idleTime, referenceCount, help, memoryUsage]
