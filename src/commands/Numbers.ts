/**
 * Commands that count: values that are whole numbers of 64 bits with their sign, in decimal digits, or floating-point
 * numbers.
 */
import type { CommandBatch } from "../domain/CommandBatch.ts"
import { ERR, FixedReply } from "../domain/Reply.ts"
import { NOT_THERE } from "../engine/Engine.ts"
import { NEVER } from "../engine/Wheel.ts"
import { bigInteger, bigIntegerIn, integer, integerIn, MAX_INTEGER, MIN_INTEGER } from "./Arguments.ts"
import type { Entry, Execute } from "./Entry.ts"
import type { Execution } from "./Execution.ts"
import { findKey } from "./Find.ts"
import * as LongDouble from "./LongDouble.ts"
import { notADouble, notAnInteger } from "./Replies.ts"
import { isOther, replace, store } from "./StringValue.ts"

const ZERO = 0x30
const MINUS = 0x2d

/** The length of the longest number. */
const MOST_DIGITS = 20

/** Longer values are no floating-point numbers, in bytes. */
const MAX_FLOAT_TEXT = 5 * 1024

const overflow = new FixedReply((sink) => sink.error(ERR, "increment or decrement would overflow"))
const notFinite = new FixedReply((sink) => sink.error(ERR, "increment would produce NaN or Infinity"))
const decrementOverflow = new FixedReply((sink) => sink.error(ERR, "decrement would overflow"))

// The digits of one number, from its first byte on when it is read, up to its last one when it is written.
const digits = Buffer.allocUnsafeSlow(MOST_DIGITS)
const view = new DataView(digits.buffer)

/** Writes a number that a double holds exactly. Returns where its first byte is. */
const write = (value: number): number => {
  let at = MOST_DIGITS
  let rest = Math.abs(value)
  do {
    const tenth = Math.floor(rest / 10)
    digits[--at] = ZERO + (rest - tenth * 10)
    rest = tenth
  } while (rest > 0)
  if (value < 0) digits[--at] = MINUS
  return at
}

const writeBig = (value: bigint): number => {
  const text = value.toString()
  digits.write(text, MOST_DIGITS - text.length, "latin1")
  return MOST_DIGITS - text.length
}

/** Adds to the number under a key, or to 0 if there is none, and answers with the sum. */
const add = (execution: Execution, commands: CommandBatch, command: number, by: number | bigint): void => {
  const { engine, sink } = execution
  const key = commands.firstKey(command)
  const entry = findKey(execution, commands, key)
  let value = 0
  let length = 0
  if (entry !== NOT_THERE) {
    if (isOther(execution, entry)) return
    length = engine.valueLength(entry)
    if (length > MOST_DIGITS) return sink.fixed(notAnInteger)
    engine.copyValue(entry, 0, length, digits, 0)
    value = integerIn(view, 0, length)
    if (Number.isNaN(value)) return sink.fixed(notAnInteger)
  }
  let sum: number | bigint = typeof by === "number" ? value + by : Number.NaN
  let start = 0
  if (Number.isSafeInteger(sum) && Number.isSafeInteger(value)) start = write(sum)
  else {
    sum = (entry === NOT_THERE ? 0n : (bigIntegerIn(view, 0, length) ?? 0n)) + BigInt(by)
    if (sum < MIN_INTEGER || sum > MAX_INTEGER) return sink.fixed(overflow)
    start = writeBig(sum)
  }
  const isDone =
    entry === NOT_THERE
      ? store(execution, commands, key, view, start, MOST_DIGITS - start, NEVER)
      : replace(execution, commands, key, entry, view, start, MOST_DIGITS - start)
  if (isDone) sink.integer(sum)
}

const incr: Entry = {
  name: "INCR",
  group: "string",
  since: "1.0.0",
  protocols: ["resp"],
  arity: { min: 1, max: 1 },
  keys: { first: 0, last: 0 },
  flags: ["write", "denyoom", "fast"],
  usage: "INCR key",
  summary: "Add 1 to a number",
  details: [],
  execute: (execution, commands, command) => add(execution, commands, command, 1)
}

const decr: Entry = {
  name: "DECR",
  group: "string",
  since: "1.0.0",
  protocols: ["resp"],
  arity: { min: 1, max: 1 },
  keys: { first: 0, last: 0 },
  flags: ["write", "denyoom", "fast"],
  usage: "DECR key",
  summary: "Subtract 1 from a number",
  details: [],
  execute: (execution, commands, command) => add(execution, commands, command, -1)
}

const incrby: Entry = {
  name: "INCRBY",
  group: "string",
  since: "1.0.0",
  protocols: ["resp"],
  arity: { min: 2, max: 2 },
  keys: { first: 0, last: 0 },
  flags: ["write", "denyoom", "fast"],
  usage: "INCRBY key increment",
  summary: "Add to a number",
  details: [],
  execute: (execution, commands, command) => {
    const by = integer(commands, command, 1)
    if (Number.isNaN(by)) return execution.sink.fixed(notAnInteger)
    add(execution, commands, command, Number.isSafeInteger(by) ? by : (bigInteger(commands, command, 1) ?? by))
  }
}

const decrby: Entry = {
  name: "DECRBY",
  group: "string",
  since: "1.0.0",
  protocols: ["resp"],
  arity: { min: 2, max: 2 },
  keys: { first: 0, last: 0 },
  flags: ["write", "denyoom", "fast"],
  usage: "DECRBY key decrement",
  summary: "Subtract from a number",
  details: [],
  execute: (execution, commands, command) => {
    const { sink } = execution
    const by = integer(commands, command, 1)
    if (Number.isNaN(by)) return sink.fixed(notAnInteger)
    if (Number.isSafeInteger(by)) return add(execution, commands, command, -by)
    const exact = bigInteger(commands, command, 1) ?? 0n
    if (exact === MIN_INTEGER) return sink.fixed(decrementOverflow)
    add(execution, commands, command, -exact)
  }
}

/** Adds to the floating-point number under a key, or to 0 if there is none, and answers with the sum. */
const executeIncrbyfloat: Execute = (execution, commands, command) => {
  const { engine, sink } = execution
  const key = commands.firstKey(command)
  const entry = findKey(execution, commands, key)
  if (isOther(execution, entry)) return
  let text = "0"
  if (entry !== NOT_THERE) {
    const length = engine.valueLength(entry)
    if (length > MAX_FLOAT_TEXT) return sink.fixed(notADouble)
    const bytes = Buffer.alloc(length)
    engine.copyValue(entry, 0, length, bytes, 0)
    text = bytes.toString("latin1")
  }
  const value = LongDouble.parse(text)
  const by = LongDouble.parse(commands.text(command, 1))
  if (value === undefined || by === undefined) return sink.fixed(notADouble)
  const sum = value === "infinite" || by === "infinite" ? "infinite" : LongDouble.add(value, by)
  if (sum === "infinite") return sink.fixed(notFinite)
  const result = Buffer.from(LongDouble.format(sum))
  const view = new DataView(result.buffer, result.byteOffset, result.length)
  const isDone =
    entry === NOT_THERE
      ? store(execution, commands, key, view, 0, result.length, NEVER)
      : replace(execution, commands, key, entry, view, 0, result.length)
  if (isDone) sink.bulk(result, 0, result.length)
}

const incrbyfloat: Entry = {
  name: "INCRBYFLOAT",
  group: "string",
  since: "2.6.0",
  protocols: ["resp"],
  arity: { min: 2, max: 2 },
  keys: { first: 0, last: 0 },
  flags: ["write", "denyoom", "fast"],
  usage: "INCRBYFLOAT key increment",
  summary: "Add to a floating-point number",
  details: [],
  execute: executeIncrbyfloat
}

export const numbers: ReadonlyArray<Entry> = [incr, decr, incrby, decrby, incrbyfloat]
