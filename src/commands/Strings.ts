/** Commands that store and read values. */
import type { CommandBatch } from "../domain/CommandBatch.ts"
import { NO_TTL } from "../domain/Command.ts"
import { FixedReply } from "../domain/Reply.ts"
import { NOT_THERE, STORED } from "../engine/Engine.ts"
import { NEVER } from "../engine/Wheel.ts"
import { find } from "./Find.ts"
import { type Entry, type Execute, parseDigits } from "./Entry.ts"
import type { Execution } from "./Execution.ts"
import { LARGE_VALUE, LargeValue } from "./LargeValue.ts"

const ZERO = 0x30
const MILLIS_PER_SECOND = 1000

/** The limit or the system leaves no room, even after evicting. */
const outOfMemory = new FixedReply((sink) => sink.error("OOM", "out of memory: nothing was stored"))
const stored = new FixedReply((sink) => sink.simple("stored"))

/** An argument of decimal digits as a number. */
const digits = (commands: CommandBatch, command: number, argument: number): number => {
  const { view } = commands
  const start = commands.argStart(command, argument)
  const end = start + commands.argLength(command, argument)
  let number = 0
  for (let at = start; at < end; at++) number = number * 10 + view.getUint8(at) - ZERO
  return number
}

export const executePut: Execute = (execution, commands, command) => {
  const { database, engine, now } = execution
  const { view } = commands
  const seconds = commands.argc(command) === 2 ? NO_TTL : digits(commands, command, 2)
  const deadline = seconds === NO_TTL ? NEVER : now + seconds * MILLIS_PER_SECOND
  if (commands.argLength(command, 1) >= LARGE_VALUE) {
    return new LargeValue(commands, command, 1, (then, value) => answer(then, value.set(then, deadline), deadline))
  }
  const key = commands.firstKey(command)
  const outcome = engine.set(
    view,
    commands.keyStart(key),
    commands.keyLength(key),
    commands.hash(key),
    database,
    view,
    commands.argStart(command, 1),
    commands.argLength(command, 1),
    deadline,
    now
  )
  return answer(execution, outcome, deadline)
}

/** Answers what the engine has come to with a value. */
const answer = ({ alarm, sink }: Execution, outcome: number, deadline: number): void => {
  if (outcome !== STORED) return sink.fixed(outOfMemory)
  alarm.due(deadline)
  sink.fixed(stored)
}

export const put: Entry = {
  name: "PUT",
  protocols: ["text"],
  arity: { min: 2, max: 3 },
  keys: { first: 0, last: 0 },
  flags: ["write", "fast"],
  usage: "PUT <key> <value> [ttl]",
  summary: "Store a value, for [ttl] seconds or for good",
  details: [
    "Key and value are 1 to 256 printable ASCII characters without whitespace.",
    "A value that is there is replaced, and so is its ttl; 0 means no expiry.",
    "Example: PUT greeting hello 60"
  ],
  onSpaces: "values cannot hold spaces",
  counter: "puts",
  toInput: ([key, value, ttl]) => ({
    _tag: "Put",
    key,
    value,
    ttl: ttl === undefined ? NO_TTL : parseDigits(ttl)
  }),
  execute: executePut
}

export const executeGet: Execute = (execution, commands, command) => {
  const { engine, sink } = execution
  const entry = find(execution, commands, command)
  if (entry === NOT_THERE) {
    execution.misses++
    return sink.null()
  }
  execution.hits++
  engine.touch(entry)
  if (engine.isInline(entry))
    sink.bulkWords(engine.valueWords(entry), engine.valueWord(entry), engine.valueLength(entry))
  else sink.bulkReader(engine.openReader(entry))
}

export const get: Entry = {
  name: "GET",
  protocols: ["text"],
  arity: { min: 1, max: 1 },
  keys: { first: 0, last: 0 },
  flags: ["read", "fast"],
  usage: "GET <key>",
  summary: "Show a value",
  details: ["Example: GET greeting"],
  counter: "gets",
  toInput: ([key]) => ({ _tag: "Get", key }),
  execute: executeGet
}
