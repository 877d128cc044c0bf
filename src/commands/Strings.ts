/** Commands that store and read whole values. */
import * as Predicate from "effect/Predicate"
import type { CommandBatch } from "../domain/CommandBatch.ts"
import { NO_TTL } from "../domain/Command.ts"
import { FixedReply } from "../domain/Reply.ts"
import { NOT_THERE, STORED } from "../engine/Engine.ts"
import { STRING } from "../engine/Entry.ts"
import { NEVER } from "../engine/Wheel.ts"
import { deadlineOf, isNoDeadline, MILLIS, SECONDS, type TimeUnit } from "./Deadlines.ts"
import { type Entry, type Execute, parseDigits, type Slices } from "./Entry.ts"
import type { Execution } from "./Execution.ts"
import { findKey } from "./Find.ts"
import { HeldValue } from "./HeldValue.ts"
import {
  type ExecuteWithValue,
  inSlices,
  LARGE_VALUE,
  largeArgument,
  type LargeValue,
  LargeValues,
  PIECE
} from "./LargeValue.ts"
import { invalidExpireTime, ok, one, outOfMemory, syntaxError, wrongArity, zero } from "./Replies.ts"
import { answer, isOther, noteStored, read, remove, store } from "./StringValue.ts"
import { GET_OLD, KEEP_TTL, NO_UNIT, NX, PERSIST, ValueOptions, XX } from "./ValueOptions.ts"

const ZERO = 0x30
const MILLIS_PER_SECOND = 1000

/** As `outOfMemory`, in the words of the text protocol. */
const nothingStored = new FixedReply((sink) => sink.error("OOM", "out of memory: nothing was stored"))
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

const putWhole: ExecuteWithValue = (execution, commands, command, value) => {
  const { alarm, database, engine, now, sink } = execution
  const { view } = commands
  const seconds = commands.argc(command) === 2 ? NO_TTL : digits(commands, command, 2)
  const deadline = seconds === NO_TTL ? NEVER : now + seconds * MILLIS_PER_SECOND
  const key = commands.firstKey(command)
  const outcome =
    value === undefined
      ? engine.set(
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
      : value.set(execution, commands, key, database, deadline)
  if (outcome !== STORED) return sink.fixed(nothingStored)
  alarm.due(deadline)
  execution.changed(commands, key)
  sink.fixed(stored)
}

export const executePut = inSlices(1, putWhole)

export const put: Entry = {
  name: "PUT",
  group: "string",
  protocols: ["text"],
  arity: { min: 2, max: 3 },
  keys: { first: 0, last: 0 },
  flags: ["write", "denyoom", "fast"],
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

const options = new ValueOptions()
const held = new HeldValue()

/**
 * Stores an argument under a key, with a deadline in ms that may be in the past: then the key is gone. Returns whether
 * there was room; that there was not is answered.
 */
const storeArgument = (
  execution: Execution,
  commands: CommandBatch,
  command: number,
  key: number,
  argument: number,
  deadline: number,
  value?: LargeValue
): boolean => {
  if (deadline <= execution.now) {
    const entry = findKey(execution, commands, key)
    if (entry !== NOT_THERE) remove(execution, commands, key, entry)
    return true
  }
  if (value !== undefined) {
    const outcome = value.set(execution, commands, key, execution.database, deadline)
    return noteStored(execution, commands, key, outcome, deadline)
  }
  const start = commands.argStart(command, argument)
  return store(execution, commands, key, commands.view, start, commands.argLength(command, argument), deadline)
}

const invalidInSet = invalidExpireTime("set")

const setWhole: ExecuteWithValue = (execution, commands, command, value) => {
  const { engine, sink } = execution
  const key = commands.firstKey(command)
  let deadline = NEVER
  let flags = 0
  if (commands.argc(command) > 2) {
    if (!options.parse(commands, command, 2, true)) return sink.fixed(syntaxError)
    flags = options.flags
    if (options.unit !== NO_UNIT) {
      deadline = deadlineOf(execution, commands, command, options.time, options.unit)
      if (isNoDeadline(execution, deadline, invalidInSet)) return
    }
  }
  if (flags === 0) {
    if (storeArgument(execution, commands, command, key, 1, deadline, value)) sink.fixed(ok)
    return
  }
  const isAsked = (flags & GET_OLD) !== 0
  const entry = isAsked ? read(execution, commands, key) : findKey(execution, commands, key)
  if (isAsked && isOther(execution, entry)) return
  if ((flags & (entry === NOT_THERE ? XX : NX)) !== 0) {
    if (isAsked) answer(execution, entry)
    else sink.null()
    return
  }
  if ((flags & KEEP_TTL) !== 0 && entry !== NOT_THERE) deadline = engine.deadline(entry)
  if (isAsked) held.hold(engine, entry)
  if (!storeArgument(execution, commands, command, key, 1, deadline, value)) return held.drop()
  if (isAsked) held.answer(sink)
  else sink.fixed(ok)
}

const set: Entry = {
  name: "SET",
  group: "string",
  since: "1.0.0",
  protocols: ["resp"],
  arity: { min: 2, max: Number.POSITIVE_INFINITY },
  keys: { first: 0, last: 0 },
  values: { first: 1, last: 1 },
  flags: ["write", "denyoom"],
  usage:
    "SET key value [NX|XX] [GET] [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|KEEPTTL]",
  summary: "Store a value",
  details: [],
  execute: inSlices(1, setWhole)
}

/** SETEX and PSETEX: key, time, value. */
const executeTimed =
  (unit: TimeUnit, refusal: FixedReply): ExecuteWithValue =>
  (execution, commands, command, value) => {
    const deadline = deadlineOf(execution, commands, command, 1, unit)
    if (isNoDeadline(execution, deadline, refusal)) return
    const key = commands.firstKey(command)
    if (storeArgument(execution, commands, command, key, 2, deadline, value)) execution.sink.fixed(ok)
  }

const setex: Entry = {
  name: "SETEX",
  group: "string",
  since: "2.0.0",
  protocols: ["resp"],
  arity: { min: 3, max: 3 },
  keys: { first: 0, last: 0 },
  values: { first: 2, last: 2 },
  flags: ["write", "denyoom"],
  usage: "SETEX key seconds value",
  summary: "Store a value for some seconds",
  details: [],
  execute: inSlices(2, executeTimed(SECONDS, invalidExpireTime("setex")))
}

const psetex: Entry = {
  name: "PSETEX",
  group: "string",
  since: "2.6.0",
  protocols: ["resp"],
  arity: { min: 3, max: 3 },
  keys: { first: 0, last: 0 },
  values: { first: 2, last: 2 },
  flags: ["write", "denyoom"],
  usage: "PSETEX key milliseconds value",
  summary: "Store a value for some milliseconds",
  details: [],
  execute: inSlices(2, executeTimed(MILLIS, invalidExpireTime("psetex")))
}

const setnx: Entry = {
  name: "SETNX",
  group: "string",
  since: "1.0.0",
  protocols: ["resp"],
  arity: { min: 2, max: 2 },
  keys: { first: 0, last: 0 },
  values: { first: 1, last: 1 },
  flags: ["write", "denyoom", "fast"],
  usage: "SETNX key value",
  summary: "Store a value unless the key is there",
  details: [],
  execute: inSlices(1, (execution, commands, command, value) => {
    const key = commands.firstKey(command)
    if (findKey(execution, commands, key) !== NOT_THERE) return execution.sink.fixed(zero)
    if (storeArgument(execution, commands, command, key, 1, NEVER, value)) execution.sink.fixed(one)
  })
}

const getset: Entry = {
  name: "GETSET",
  group: "string",
  since: "1.0.0",
  protocols: ["resp"],
  arity: { min: 2, max: 2 },
  keys: { first: 0, last: 0 },
  values: { first: 1, last: 1 },
  flags: ["write", "denyoom", "fast"],
  usage: "GETSET key value",
  summary: "Store a value and show the one before",
  details: [],
  execute: inSlices(1, (execution, commands, command, value) => {
    const key = commands.firstKey(command)
    const entry = read(execution, commands, key)
    if (isOther(execution, entry)) return
    held.hold(execution.engine, entry)
    if (storeArgument(execution, commands, command, key, 1, NEVER, value)) held.answer(execution.sink)
    else held.drop()
  })
}

export const executeGet: Execute = (execution, commands, command) => {
  const entry = read(execution, commands, commands.firstKey(command))
  if (!isOther(execution, entry)) answer(execution, entry)
}

export const get: Entry = {
  name: "GET",
  group: "string",
  since: "1.0.0",
  protocols: ["text", "resp"],
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

const getdel: Entry = {
  name: "GETDEL",
  group: "string",
  since: "6.2.0",
  protocols: ["resp"],
  arity: { min: 1, max: 1 },
  keys: { first: 0, last: 0 },
  flags: ["write", "fast"],
  usage: "GETDEL key",
  summary: "Show a value and remove the key",
  details: [],
  execute: (execution, commands, command) => {
    const key = commands.firstKey(command)
    const entry = read(execution, commands, key)
    if (isOther(execution, entry)) return
    answer(execution, entry)
    if (entry !== NOT_THERE) remove(execution, commands, key, entry)
  }
}

const invalidInGetex = invalidExpireTime("getex")

const executeGetex: Execute = (execution, commands, command) => {
  const { alarm, engine, now, sink } = execution
  if (!options.parse(commands, command, 1, false)) return sink.fixed(syntaxError)
  const { flags, time, unit } = options
  const key = commands.firstKey(command)
  const entry = read(execution, commands, key)
  if (entry === NOT_THERE) return sink.null()
  if (isOther(execution, entry)) return
  if (unit === NO_UNIT) {
    answer(execution, entry)
    if ((flags & PERSIST) === 0 || engine.deadline(entry) === NEVER) return
    engine.setDeadline(entry, NEVER, now)
    return execution.changed(commands, key)
  }
  const deadline = deadlineOf(execution, commands, command, time, unit)
  if (isNoDeadline(execution, deadline, invalidInGetex)) return
  if (deadline <= now) {
    answer(execution, entry)
    return remove(execution, commands, key, entry)
  }
  if (engine.setDeadline(entry, deadline, now) !== STORED) return sink.fixed(outOfMemory)
  alarm.due(deadline)
  execution.changed(commands, key)
  // The entry may have moved.
  answer(execution, findKey(execution, commands, key))
}

const getex: Entry = {
  name: "GETEX",
  group: "string",
  since: "6.2.0",
  protocols: ["resp"],
  arity: { min: 1, max: Number.POSITIVE_INFINITY },
  keys: { first: 0, last: 0 },
  flags: ["write", "fast"],
  usage: "GETEX key [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|PERSIST]",
  summary: "Show a value and set when it expires",
  details: [],
  execute: executeGetex
}

const mget: Entry = {
  name: "MGET",
  group: "string",
  since: "1.0.0",
  protocols: ["resp"],
  arity: { min: 1, max: Number.POSITIVE_INFINITY },
  keys: { first: 0, last: -1 },
  flags: ["read", "fast"],
  usage: "MGET key [key ...]",
  summary: "Show several values",
  details: [],
  execute: (execution, commands, command) => {
    const { engine, sink } = execution
    const first = commands.firstKey(command)
    const end = first + commands.argc(command)
    sink.array(end - first)
    for (let key = first; key < end; key++) {
      const entry = read(execution, commands, key)
      if (entry !== NOT_THERE && engine.type(entry) !== STRING) sink.null()
      else answer(execution, entry)
    }
  }
}

/**
 * Stores every value, or none. A value that there is no room for takes those that were stored before it with it: their
 * keys are gone as if evicted. Returns whether all are stored; that they are not is answered.
 */
const storePairs = (
  execution: Execution,
  commands: CommandBatch,
  command: number,
  values: ReadonlyArray<LargeValue | undefined>
): boolean => {
  const first = commands.firstKey(command)
  const pairs = commands.argc(command) >>> 1
  for (let pair = 0; pair < pairs; pair++) {
    if (storeArgument(execution, commands, command, first + pair, 2 * pair + 1, NEVER, values[pair])) continue
    for (let key = first; key < first + pair; key++) {
      const entry = findKey(execution, commands, key)
      if (entry !== NOT_THERE) remove(execution, commands, key, entry)
    }
    return false
  }
  return true
}

/** No value is written in slices. */
const NO_VALUES: ReadonlyArray<LargeValue | undefined> = []

/** The values that are to be written in slices before the others, so that not too many bytes are copied at once. */
const largeOfPairs = (
  execution: Execution,
  commands: CommandBatch,
  command: number
): ReadonlyArray<LargeValue | undefined> => {
  const last = commands.argc(command) - 1
  const bytes = commands.argStart(command, last) + commands.argLength(command, last) - commands.argStart(command, 0)
  if (bytes < LARGE_VALUE) return NO_VALUES
  return Array.from({ length: (last + 1) / 2 }, (_, pair) =>
    commands.argLength(command, 2 * pair + 1) < PIECE
      ? undefined
      : largeArgument(execution, commands, command, 2 * pair + 1)
  )
}

/** Executes a command for pairs once their large values have been written. */
const withPairs = (
  execution: Execution,
  commands: CommandBatch,
  command: number,
  execute: (execution: Execution, values: ReadonlyArray<LargeValue | undefined>) => void
): Slices | undefined => {
  const values = largeOfPairs(execution, commands, command)
  const large = values.filter(Predicate.isNotUndefined)
  if (large.length === 0) {
    execute(execution, NO_VALUES)
    return undefined
  }
  return new LargeValues(large, (later) => execute(later, values))
}

const mismatched = wrongArity("mset")

const mset: Entry = {
  name: "MSET",
  group: "string",
  since: "1.0.1",
  protocols: ["resp"],
  arity: { min: 2, max: Number.POSITIVE_INFINITY },
  keys: { first: 0, last: -1, step: 2 },
  values: { first: 1, last: -1, step: 2 },
  flags: ["write", "denyoom"],
  usage: "MSET key value [key value ...]",
  summary: "Store several values at once",
  details: [],
  execute: (execution, commands, command) => {
    if (commands.argc(command) % 2 === 1) return execution.sink.fixed(mismatched)
    return withPairs(execution, commands, command, (later, values) => {
      if (storePairs(later, commands, command, values)) later.sink.fixed(ok)
    })
  }
}

const mismatchedNx = wrongArity("msetnx")

const msetnx: Entry = {
  name: "MSETNX",
  group: "string",
  since: "1.0.1",
  protocols: ["resp"],
  arity: { min: 2, max: Number.POSITIVE_INFINITY },
  keys: { first: 0, last: -1, step: 2 },
  values: { first: 1, last: -1, step: 2 },
  flags: ["write", "denyoom"],
  usage: "MSETNX key value [key value ...]",
  summary: "Store several values at once unless one of the keys is there",
  details: [],
  execute: (execution, commands, command) => {
    if (commands.argc(command) % 2 === 1) return execution.sink.fixed(mismatchedNx)
    return withPairs(execution, commands, command, (later, values) => {
      const first = commands.firstKey(command)
      for (let key = first; key < first + commands.argc(command) / 2; key++) {
        if (findKey(later, commands, key) !== NOT_THERE) return later.sink.fixed(zero)
      }
      if (storePairs(later, commands, command, values)) later.sink.fixed(one)
    })
  }
}

const strlen: Entry = {
  name: "STRLEN",
  group: "string",
  since: "2.2.0",
  protocols: ["resp"],
  arity: { min: 1, max: 1 },
  keys: { first: 0, last: 0 },
  flags: ["read", "fast"],
  usage: "STRLEN key",
  summary: "Show the length of a value in bytes",
  details: [],
  execute: (execution, commands, command) => {
    const { engine, sink } = execution
    const entry = read(execution, commands, commands.firstKey(command))
    if (entry === NOT_THERE) return sink.fixed(zero)
    if (!isOther(execution, entry)) sink.integer(engine.valueLength(entry))
  }
}

export const strings: ReadonlyArray<Entry> = [
  set,
  setex,
  psetex,
  setnx,
  getset,
  getdel,
  getex,
  mget,
  mset,
  msetnx,
  strlen
]
