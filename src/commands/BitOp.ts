/** BITOP: values that are combined bit by bit, or turned around, into another one. */
import type { CommandBatch } from "../domain/CommandBatch.ts"
import { ERR, FixedReply } from "../domain/Reply.ts"
import type { ChainReader } from "../engine/Chains.ts"
import { type Engine, NOT_THERE } from "../engine/Engine.ts"
import { MAX_ENTRY_BYTES } from "../engine/Entry.ts"
import { NEVER } from "../engine/Wheel.ts"
import { isWord } from "./Arguments.ts"
import type { Entry, Slices } from "./Entry.ts"
import type { Execution } from "./Execution.ts"
import { findKey } from "./Find.ts"
import { LARGE_VALUE, LargeValue, LargeValues, PIECE, type Source } from "./LargeValue.ts"
import { syntaxError, zero } from "./Replies.ts"
import { isOther, noteStored, read, remove, store } from "./StringValue.ts"

const oneSource = new FixedReply((sink) => sink.error(ERR, "BITOP NOT must be called with a single source key."))

type Operator = "AND" | "OR" | "XOR" | "NOT"
const operators: ReadonlyArray<Operator> = ["AND", "OR", "XOR", "NOT"]

/** The bytes of a word. */
const WORD = 4
const wordsFor = (bytes: number): number => Math.ceil(bytes / WORD)

// A piece of a result is stored before the next one is made.
const result = Buffer.allocUnsafeSlow(PIECE)
const resultView = new DataView(result.buffer, result.byteOffset, PIECE)
const resultWords = new Int32Array(result.buffer, result.byteOffset, PIECE / WORD)

/** A value that is combined with others, as it is when this is made. Zero bytes follow its end. */
class Operand {
  readonly length: number
  // A long value is read in pieces, a short one is copied.
  private readonly reader: ChainReader | undefined
  private readonly bytes: Buffer
  private readonly words: Int32Array
  private done = 0

  constructor(engine: Engine, entry: number) {
    this.length = entry === NOT_THERE ? 0 : engine.valueLength(entry)
    this.reader = entry === NOT_THERE || engine.isInline(entry) ? undefined : engine.openReader(entry)
    const words = wordsFor(Math.min(this.length, PIECE))
    this.bytes = Buffer.allocUnsafeSlow(words * WORD)
    this.words = new Int32Array(this.bytes.buffer, this.bytes.byteOffset, words)
    if (entry !== NOT_THERE && this.reader === undefined) engine.copyValue(entry, 0, this.length, this.bytes, 0)
  }

  /** The next `count` bytes, at most a piece, as words. Behind its end there are fewer, or none. */
  next(count: number): Int32Array {
    const length = Math.min(count, this.length - this.done)
    this.done += length
    this.reader?.read(this.bytes, 0, length)
    const words = wordsFor(length)
    this.bytes.fill(0, length, words * WORD)
    return this.words.subarray(0, words)
  }

  /** Whether an entry still has this value. What is gone may have been evicted for the result. */
  isOf(engine: Engine, entry: number): boolean {
    if (entry === NOT_THERE) return true
    if (this.length !== engine.valueLength(entry)) return false
    if (this.reader !== undefined) return engine.isRead(entry, this.reader, this.length)
    engine.copyValue(entry, 0, this.length, result, 0)
    return result.compare(this.bytes, 0, this.length, 0, this.length) === 0
  }

  close(): void {
    this.reader?.close()
  }
}

/** Combines a piece of a result with an operand's words; behind these are zero bytes. */
const combine = (operator: Operator, words: Int32Array, count: number): void => {
  const into = resultWords
  switch (operator) {
    case "AND":
      for (let at = 0; at < words.length; at++) into[at]! &= words[at]!
      into.fill(0, words.length, count)
      break
    case "OR":
      for (let at = 0; at < words.length; at++) into[at]! |= words[at]!
      break
    case "XOR":
      for (let at = 0; at < words.length; at++) into[at]! ^= words[at]!
      break
    case "NOT":
      break
  }
}

/** Puts the next `count` bytes of a result into `result`. */
const combineNext = (operator: Operator, operands: ReadonlyArray<Operand>, count: number): void => {
  const words = wordsFor(count)
  for (const [number, operand] of operands.entries()) {
    const its = operand.next(count)
    if (number === 0) {
      resultWords.set(its)
      resultWords.fill(0, its.length, words)
    } else combine(operator, its, words)
  }
  if (operator === "NOT") for (let at = 0; at < words; at++) resultWords[at] = ~resultWords[at]!
}

const close = (operands: ReadonlyArray<Operand>): void => operands.forEach((operand) => operand.close())

const combinedSource = (operator: Operator, operands: ReadonlyArray<Operand>, length: number): Source => ({
  length,
  write: (engine, large, count, now) => {
    combineNext(operator, operands, count)
    return engine.writeLarge(large, result, 0, count, now)
  },
  close: () => close(operands)
})

/** BITOP, `atOnce` or in slices if the result is long. */
const operate = (
  execution: Execution,
  commands: CommandBatch,
  command: number,
  operator: Operator,
  atOnce: boolean
): Slices | undefined => {
  const { engine, sink } = execution
  const target = commands.firstKey(command)
  const operands: Array<Operand> = []
  let length = 0
  for (let key = target + 1; key < target + commands.keysOf(command); key++) {
    const entry = atOnce ? findKey(execution, commands, key) : read(execution, commands, key)
    if (isOther(execution, entry)) {
      close(operands)
      return undefined
    }
    const operand = new Operand(engine, entry)
    operands.push(operand)
    length = Math.max(length, operand.length)
  }
  if (length === 0) {
    const entry = findKey(execution, commands, target)
    if (entry !== NOT_THERE) remove(execution, commands, target, entry)
    sink.fixed(zero)
    return undefined
  }
  if (length <= MAX_ENTRY_BYTES) {
    combineNext(operator, operands, length)
    close(operands)
    if (store(execution, commands, target, resultView, 0, length, NEVER)) sink.integer(length)
    return undefined
  }
  const value = new LargeValue([combinedSource(operator, operands, length)])
  const slices = new LargeValues([value], (later) => {
    // Others may have written to what is combined.
    const areSame = operands.every((operand, at) =>
      operand.isOf(later.engine, findKey(later, commands, target + 1 + at))
    )
    if (!areSame) {
      value.abandon()
      return void operate(later, commands, command, operator, true)
    }
    const outcome = value.set(later, commands, target, later.database, NEVER)
    if (noteStored(later, commands, target, outcome, NEVER)) later.sink.integer(length)
  })
  if (length >= LARGE_VALUE && !atOnce) return slices
  while (slices.next(execution));
  return undefined
}

export const bitop: Entry = {
  name: "BITOP",
  group: "bitmap",
  since: "2.6.0",
  protocols: ["resp"],
  arity: { min: 3, max: Number.POSITIVE_INFINITY },
  keys: { first: 1, last: -1 },
  flags: ["write", "denyoom"],
  usage: "BITOP <AND | OR | XOR | NOT> destkey key [key ...]",
  summary: "Combine the bits of values, and store the result",
  details: [],
  execute: (execution, commands, command) => {
    const operator = operators.find((name) => isWord(commands, command, 0, name))
    if (operator === undefined) return execution.sink.fixed(syntaxError)
    if (operator === "NOT" && commands.argc(command) !== 3) return execution.sink.fixed(oneSource)
    return operate(execution, commands, command, operator, false)
  }
}
