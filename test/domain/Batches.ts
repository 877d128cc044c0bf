import { assert } from "@effect/vitest"
import * as Result from "effect/Result"
import { commands as table, DELETE, EXISTS, GET, PUT, typed } from "../../src/commands/Commands.ts"
import type * as Command from "../../src/domain/Command.ts"
import { CommandBatch } from "../../src/domain/CommandBatch.ts"
import * as Reply from "../../src/domain/Reply.ts"
import { type Kept, KeptReply } from "../../src/store/KeptReply.ts"

/** The commands of a batch, in order, as the Schema defines them. */
export const commandsOf = (batch: CommandBatch): ReadonlyArray<Command.Command> =>
  Array.from({ length: batch.count }, (_, i) => Result.getOrElse(typed(batch, i), (why) => assert.fail(why)))

const idOf = {
  Put: PUT,
  Get: GET,
  Delete: DELETE,
  Exists: EXISTS,
  Flush: table.findIndex(({ name }) => name === "FLUSH")
} as const

/** The arguments of a command, as text. */
const argumentsOf = (command: Command.StoreCommand): ReadonlyArray<string> => {
  if (command._tag === "Flush") return []
  if (command._tag !== "Put") return [command.key]
  return command.ttl === 0 ? [command.key, command.value] : [command.key, command.value, String(command.ttl)]
}

/** A batch of these commands, a new one or `batch` again. Keys and values begin at arbitrary bytes. */
export const batchOf = (
  commands: ReadonlyArray<Command.StoreCommand>,
  batch: CommandBatch = new CommandBatch()
): CommandBatch => {
  batch.begin(
    Buffer.from(commands.flatMap((command) => argumentsOf(command).map((word) => ` ${word}`)).join(""), "latin1")
  )
  let at = 0
  for (const command of commands) {
    batch.open(idOf[command._tag])
    for (const [index, word] of argumentsOf(command).entries()) {
      if (index === 0) batch.key(at + 1, word.length)
      else batch.argument(at + 1, word.length)
      at += 1 + word.length
    }
    batch.close()
  }
  return batch
}

const statuses: ReadonlyMap<string, Reply.Reply> = new Map([
  ["stored", Reply.stored],
  ["deleted", Reply.deleted],
  ["flushed", Reply.flushed]
])

/** The typed reply that the client would read from a primitive one. */
const typedReply = (kept: Kept): Reply.Reply => {
  switch (kept._tag) {
    case "Simple":
      return statuses.get(kept.text) ?? assert.fail(`a reply of '${kept.text}'`)
    case "Error":
      return Reply.failed(kept.message)
    case "Integer":
      return kept.value === 1 ? Reply.present : kept.value === 0 ? Reply.absent : assert.fail(`${kept.value} is none`)
    case "Bulk":
      return Reply.found(kept.bytes.toString("latin1"))
    case "Null":
      return Reply.notFound
    case "Double":
    case "Parts":
      return assert.fail(`a reply of the type ${kept._tag}`)
  }
}

/** Keeps all replies that it receives. */
export class KeptReplies extends KeptReply {
  readonly replies: Array<Reply.Reply> = []

  override simple(text: string): void {
    super.simple(text)
    this.keep()
  }

  override error(code: string, message: string): void {
    super.error(code, message)
    this.keep()
  }

  override integer(value: number | bigint): void {
    super.integer(value)
    this.keep()
  }

  override bulk(bytes: Buffer, start: number, length: number): void {
    super.bulk(bytes, start, length)
    this.keep()
  }

  override bulkWords(words: Int32Array, at: number, length: number): void {
    super.bulkWords(words, at, length)
    const rest = length & 3
    const last = words[at + (length >> 2)] ?? 0
    if (rest !== 0 && last >>> (rest * 8) !== 0) assert.fail("the rest of the last word is not 0")
    this.keep()
  }

  override null(): void {
    super.null()
    this.keep()
  }

  private keep(): void {
    this.replies.push(typedReply(this.reply))
  }
}
