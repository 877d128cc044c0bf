/**
 * Decodes RESP's requests: arrays of bulk strings and inline commands in, commands out. Names, numbers of arguments and
 * keys come from the table of commands. Errors are worded as Redis words them.
 */
import { commands as table, commandsOf, isKey, REFUSE, REFUSE_AND_CLOSE } from "../../commands/Commands.ts"
import type { Entry } from "../../commands/Entry.ts"
import type { CommandBatch } from "../../domain/CommandBatch.ts"
import type { RequestDecoder } from "../Protocol.ts"

const entries = commandsOf("resp")
const ids: ReadonlyMap<Entry, number> = new Map(table.map((entry, id) => [entry, id]))
const containers: ReadonlySet<string> = new Set(
  [...entries.keys()].filter((name) => name.includes("|")).map((name) => name.slice(0, name.indexOf("|")))
)

const ARRAY = 0x2a
const BULK = 0x24

export class RespRequestDecoder implements RequestDecoder {
  /** Each command is to be executed before the next one is decoded: it may change what the next one means. */
  isStepped = false
  readonly needed = 0
  private ended = false
  private readonly starts: Array<number> = []
  private readonly lengths: Array<number> = []

  decode(commands: CommandBatch, offset: number, end: number): number {
    let at = offset
    while (at < end && !commands.isFull) {
      if (this.ended) return end
      const next = commands.bytes[at] === ARRAY ? this.takeArray(commands, at, end) : this.takeInline(commands, at, end)
      if (next === at) break
      at = next
    }
    return this.ended ? end : at
  }

  private takeArray(commands: CommandBatch, start: number, end: number): number {
    const header = numberAt(commands, start + 1, end)
    if (header === undefined) return start
    const { next, value } = header
    if (Number.isNaN(value) || value > 1_048_576) return this.end(commands, "invalid multibulk length", end)
    this.starts.length = this.lengths.length = 0
    let at = next
    for (let argument = 0; argument < value; argument++) {
      if (at >= end) return start
      if (commands.bytes[at] !== BULK) {
        return this.end(commands, `expected '$', got '${String.fromCharCode(commands.bytes[at]!)}'`, end)
      }
      const length = numberAt(commands, at + 1, end)
      if (length === undefined) return start
      if (Number.isNaN(length.value) || length.value < 0) return this.end(commands, "invalid bulk length", end)
      if (length.next + length.value + 2 > end) return start
      this.starts.push(length.next)
      this.lengths.push(length.value)
      at = length.next + length.value + 2
    }
    if (value > 0) this.add(commands)
    return at
  }

  private takeInline(commands: CommandBatch, start: number, end: number): number {
    const newline = commands.bytes.subarray(0, end).indexOf(0x0a, start)
    if (newline === -1) return start
    const line = commands.bytes.toString("latin1", start, newline)
    this.starts.length = this.lengths.length = 0
    for (const { 0: word, index } of line.matchAll(/\S+/g)) {
      this.starts.push(start + index)
      this.lengths.push(word.length)
    }
    if (this.starts.length > 0) this.add(commands)
    return newline + 1
  }

  private add(commands: CommandBatch): void {
    const name = this.word(commands, 0).toUpperCase()
    const isContainer = containers.has(name) && this.starts.length > 1
    const entry = entries.get(isContainer ? `${name}|${this.word(commands, 1).toUpperCase()}` : name)
    if (entry === undefined) return this.refuse(commands, `unknown command '${this.word(commands, 0).slice(0, 128)}'`)
    const first = isContainer ? 2 : 1
    const argc = this.starts.length - first
    if (argc < entry.arity.min || argc > entry.arity.max) {
      return this.refuse(commands, `wrong number of arguments for '${entry.name.toLowerCase()}' command`)
    }
    commands.open(ids.get(entry) ?? REFUSE)
    for (let argument = 0; argument < argc; argument++) {
      const start = this.starts[first + argument]!
      const length = this.lengths[first + argument]!
      if (isKey(entry, argument, argc)) commands.key(start, length)
      else commands.argument(start, length)
    }
    if (entry.execute === undefined || this.isStepped) commands.closeAndStop()
    else commands.close()
  }

  private word(commands: CommandBatch, index: number): string {
    const start = this.starts[index]!
    return commands.bytes.toString("latin1", start, start + this.lengths[index]!)
  }

  private refuse(commands: CommandBatch, message: string): void {
    commands.openWithMessage(REFUSE, message)
    if (this.isStepped) commands.closeAndStop()
    else commands.close()
  }

  private end(commands: CommandBatch, message: string, end: number): number {
    this.ended = true
    commands.openWithMessage(REFUSE_AND_CLOSE, `Protocol error: ${message}`)
    commands.closeAndStop()
    return end
  }
}

/** The number in a line, and where the next line begins; nothing if the line is unfinished. */
const numberAt = (commands: CommandBatch, start: number, end: number): { value: number; next: number } | undefined => {
  const newline = commands.bytes.subarray(0, end).indexOf(0x0a, start)
  if (newline === -1) return undefined
  const text = commands.bytes.toString("latin1", start, newline - 1)
  return { value: /^-?[0-9]+$/.test(text) ? Number(text) : Number.NaN, next: newline + 1 }
}
