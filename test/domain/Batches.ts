import { assert } from "@effect/vitest"
import * as Command from "../../src/domain/Command.ts"
import { CommandBatch, DELETE, EXISTS, GET, PUT } from "../../src/domain/CommandBatch.ts"
import * as Reply from "../../src/domain/Reply.ts"

const textOf = (view: DataView, start: number, length: number): string =>
  Buffer.from(view.buffer, view.byteOffset + start, length).toString("latin1")

/** The commands that a batch may hold. */
export type BatchCommand = Extract<Command.StoreCommand, { readonly key: Command.Key }>

/** The commands of a batch, in order. */
export const commandsOf = (batch: CommandBatch): ReadonlyArray<BatchCommand> =>
  Array.from({ length: batch.count }, (_, i): BatchCommand => {
    const key = Command.Key.make(textOf(batch.view, batch.keyStart(i), batch.keyLength(i)))
    switch (batch.kind(i)) {
      case PUT: {
        const value = Command.Value.make(textOf(batch.view, batch.valueStart(i), batch.valueLength(i)))
        return { _tag: "Put", key, value, ttl: Command.Ttl.make(batch.ttl(i)) }
      }
      case GET:
        return { _tag: "Get", key }
      case DELETE:
        return { _tag: "Delete", key }
      case EXISTS:
        return { _tag: "Exists", key }
      default:
        return assert.fail(`command ${i} is of kind ${batch.kind(i)}`)
    }
  })

const kindOf = { Put: PUT, Get: GET, Delete: DELETE, Exists: EXISTS } as const

/** A batch of these commands, whose keys and values begin at any byte. */
export const batchOf = (commands: ReadonlyArray<BatchCommand>): CommandBatch => {
  const text = commands.map((command) => ` ${command.key} ${command._tag === "Put" ? command.value : ""}`).join("")
  const batch = new CommandBatch()
  batch.begin(Buffer.from(text, "latin1"))
  let at = 0
  for (const command of commands) {
    const value = command._tag === "Put" ? command.value : ""
    const ttl = command._tag === "Put" ? command.ttl : 0
    const keyStart = at + 1
    const valueStart = keyStart + command.key.length + 1
    batch.add(kindOf[command._tag], keyStart, command.key.length, valueStart, value.length, ttl)
    at = valueStart + value.length
  }
  return batch
}

/** Keeps the replies that it gets. */
export class KeptReplies implements Reply.ReplySink {
  readonly replies: Array<Reply.Reply> = []

  stored(): void {
    this.replies.push(Reply.stored)
  }

  found(words: Int32Array, at: number, length: number): void {
    const bytes = Buffer.alloc(Math.ceil(length / 4) * 4)
    for (let word = 0; word * 4 < length; word++)
      bytes.writeInt32LE(words[at + word] ?? assert.fail("no word"), word * 4)
    if (bytes.subarray(length).some((byte) => byte !== 0)) assert.fail("the rest of the last word is not 0")
    this.replies.push(Reply.found(bytes.toString("latin1", 0, length)))
  }

  deleted(): void {
    this.replies.push(Reply.deleted)
  }

  notFound(): void {
    this.replies.push(Reply.notFound)
  }

  existence(exists: boolean): void {
    this.replies.push(exists ? Reply.present : Reply.absent)
  }
}
