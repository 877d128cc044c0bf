/** The text protocol's bytes: replies into an output buffer for the server, commands into text for the client. */
import type { Command } from "../../domain/Command.ts"
import { MAX_VALUE_LENGTH } from "../../domain/Command.ts"
import type { Reply } from "../../domain/Reply.ts"
import { NOT_FOUND_MESSAGE } from "./ReplyDecoder.ts"

// Error messages are ours and shorter than a value; the one that names what was received shows at most 32 characters.
const LONGEST_LINE = MAX_VALUE_LENGTH
export const MAX_REPLY_BYTES = "ERROR ".length + LONGEST_LINE + "\n".length

const line = (text: string) => Buffer.from(`${text}\n`, "latin1")

const STORED = line("OK stored")
const DELETED = line("OK deleted")
const PRESENT = line("OK 1")
const ABSENT = line("OK 0")
const NOT_FOUND = line(`ERROR ${NOT_FOUND_MESSAGE}`)

const copy = (source: Buffer, into: Buffer, offset: number): number => {
  // Replies of a few bytes: a loop is cheaper than a call into native code.
  for (let i = 0; i < source.length; i++) into[offset + i] = source[i]!
  return offset + source.length
}

/** Writes a reply line at `offset` and returns the offset behind it. */
export const encodeReply = (reply: Reply, into: Buffer, offset: number): number => {
  switch (reply._tag) {
    case "Stored":
      return copy(STORED, into, offset)
    case "Found":
      into[offset] = 0x4f // O
      into[offset + 1] = 0x4b // K
      into[offset + 2] = 0x20
      return endLine(into, offset + 3 + into.write(reply.value, offset + 3, "latin1"))
    case "Deleted":
      return copy(DELETED, into, offset)
    case "NotFound":
      return copy(NOT_FOUND, into, offset)
    case "Existence":
      return copy(reply.exists ? PRESENT : ABSENT, into, offset)
    case "Failed":
      return endLine(into, offset + into.write(`ERROR ${reply.message.slice(0, LONGEST_LINE)}`, offset, "latin1"))
  }
}

const endLine = (into: Buffer, offset: number): number => {
  into[offset] = 0x0a
  return offset + 1
}

/** A command as one request line. */
export const encodeCommand = (command: Command): string => {
  switch (command._tag) {
    case "Put":
      return command.ttl === 0
        ? `PUT ${command.key} ${command.value}\n`
        : `PUT ${command.key} ${command.value} ${command.ttl}\n`
    case "Get":
      return `GET ${command.key}\n`
    case "Delete":
      return `DELETE ${command.key}\n`
    case "Exists":
      return `EXISTS ${command.key}\n`
    case "Quit":
      return "QUIT\n"
  }
}
