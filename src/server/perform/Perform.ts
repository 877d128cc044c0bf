/** What the functions that do commands have in common. */
import type { CommandBatch } from "../../domain/CommandBatch.ts"
import type { ReplyWriter } from "../../protocol/Protocol.ts"
import type { Perform, Session } from "../Session.ts"

/** Does a command that is answered at once. */
export const atOnce =
  (
    answer: (session: Session, commands: CommandBatch, command: number, now: number, replies: ReplyWriter) => void
  ): Perform =>
  (session, commands, command, now, replies) => {
    answer(session, commands, command, now, replies)
    return "answered"
  }

/** A command's arguments from `first` on, one character for each byte. */
export const texts = (commands: CommandBatch, command: number, first = 0): ReadonlyArray<string> =>
  Array.from({ length: Math.max(0, commands.argc(command) - first) }, (_, index) =>
    commands.text(command, first + index)
  )

/** Puts a text of any bytes, one character for each, as a bulk string. */
export const bulkLatin1 = (replies: ReplyWriter, text: string): void => {
  const bytes = Buffer.from(text, "latin1")
  replies.bulk(bytes, 0, bytes.length)
}
