/** The text protocol's bytes, as latin1 text: replies of the server, commands of the client. */
import type { ClockAction, Command } from "../../domain/Command.ts"
import { MAX_VALUE_LENGTH } from "../../domain/Command.ts"
import type { Reply } from "../../domain/Reply.ts"
import { NOT_FOUND_MESSAGE } from "./ReplyDecoder.ts"

// Error messages are ours and shorter than a value; the one that names what was received shows at most 32 characters.
const LONGEST_LINE = MAX_VALUE_LENGTH

/** The most bytes that a reply to a key's command takes. */
export const MAX_KEY_REPLY_BYTES = "ERROR ".length + LONGEST_LINE + "\n".length

/** The most bytes that any reply takes. That of STATS has room for a few times as many numbers as it has now. */
export const MAX_REPLY_BYTES = 1024

/** A reply as one line. */
export const encodeReply = (reply: Reply): string => {
  switch (reply._tag) {
    case "Stored":
      return "OK stored\n"
    case "Found":
      return `OK ${reply.value}\n`
    case "Deleted":
      return "OK deleted\n"
    case "NotFound":
      return NOT_FOUND
    case "Existence":
      return reply.exists ? "OK 1\n" : "OK 0\n"
    case "Statistics":
      return `OK ${toPairs(reply.fields)}\n`
    case "Flushed":
      return "OK flushed\n"
    case "Time":
      return `OK ${reply.millis}\n`
    case "Failed":
      return `ERROR ${reply.message.slice(0, LONGEST_LINE)}\n`
    case "HttpRefused":
      return toHttpResponse(`${reply.message.slice(0, LONGEST_LINE)}\n`)
  }
}

const NOT_FOUND = `ERROR ${NOT_FOUND_MESSAGE}\n`

const toPairs = (fields: Readonly<Record<string, string>>): string =>
  Object.entries(fields)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ")

/** The least that a client of HTTP/1.1 needs, to show a text and hang up. */
const toHttpResponse = (body: string): string =>
  [
    "HTTP/1.1 400 Bad Request",
    "Content-Type: text/plain",
    `Content-Length: ${body.length}`,
    "Connection: close",
    "",
    body
  ].join("\r\n")

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
    case "Stats":
      return "STATS\n"
    case "Flush":
      return "FLUSH\n"
    case "Quit":
      return "QUIT\n"
    case "Clock":
      return `CLOCK ${encodeAction(command.action)}\n`
  }
}

const encodeAction = (action: ClockAction): string => {
  switch (action._tag) {
    case "Now":
      return "NOW"
    case "Advance":
      return `ADVANCE ${action.millis}`
    case "Set":
      return `SET ${action.millis}`
    case "Run":
      return `RUN ${action.factor}`
    case "Freeze":
      return "FREEZE"
    case "Reset":
      return "RESET"
  }
}
