/**
 * Commands as words, a name and its arguments, as a Redis client would send them: for callers within this process, who
 * have no bytes that they were read from. It executes nothing.
 */
import * as Result from "effect/Result"
import { commands as table, commandsOf, isKey, MAX_KEY_LENGTH, MAX_VALUE_LENGTH } from "../commands/Commands.ts"
import type { Entry } from "../commands/Entry.ts"
import type { CommandBatch } from "../domain/CommandBatch.ts"

/** A string stands for its bytes in UTF-8. */
export type Word = string | Uint8Array

/** A command's name, in any case, and its arguments. */
export type CommandWords = readonly [name: string, ...args: ReadonlyArray<Word>]

const entries = commandsOf("resp")
const ids: ReadonlyMap<Entry, number> = new Map(table.map((entry, id) => [entry, id]))

const bytesOf = (word: Word): Uint8Array => (typeof word === "string" ? Buffer.from(word) : word)

/** The entry of a command that a store can execute, or why there is none. */
const entryOf = ([name, ...args]: CommandWords): Result.Result<Entry, string> => {
  const entry = entries.get(name.toUpperCase())
  if (entry === undefined) return Result.fail(`unknown command '${name}'`)
  if (entry.execute === undefined) return Result.fail(`'${name}' concerns a connection, and a store has none`)
  return args.length < entry.arity.min || args.length > entry.arity.max
    ? Result.fail(`wrong number of arguments for '${name}': it is used as ${entry.usage}`)
    : Result.succeed(entry)
}

/** Makes a batch of commands, or says what is wrong with one of them. The batch has its own copy of all bytes. */
export const fill = (batch: CommandBatch, commands: ReadonlyArray<CommandWords>): string | undefined => {
  const words = commands.flatMap(([, ...args]) => args.map(bytesOf))
  batch.begin(Buffer.concat(words), Math.max(commands.length, 1))
  let at = 0
  let next = 0
  for (const command of commands) {
    const entry = entryOf(command)
    if (Result.isFailure(entry)) return entry.failure
    const argc = command.length - 1
    batch.open(ids.get(entry.success) ?? -1)
    for (let argument = 0; argument < argc; argument++) {
      const { length } = words[next++] ?? []
      if (length === undefined) continue
      if (isKey(entry.success, argument, argc)) {
        if (length > MAX_KEY_LENGTH) return tooLong("key", length, MAX_KEY_LENGTH)
        batch.key(at, length)
      } else {
        if (length > MAX_VALUE_LENGTH) return tooLong("value", length, MAX_VALUE_LENGTH)
        batch.argument(at, length)
      }
      at += length
    }
    batch.close()
  }
  return undefined
}

const tooLong = (what: string, length: number, most: number): string =>
  `${what} is too long: it has ${length} bytes, the most is ${most}`
