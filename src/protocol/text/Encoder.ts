/**
 * The text protocol as latin1 text, for callers without speed requirements: the client's commands, and replies to be
 * shown. The server writes its replies with `ReplyWriter.ts`.
 */
import type { ClockAction, Command } from "../../domain/Command.ts"
import * as Reply from "../../domain/Reply.ts"
import { TextReplyWriter } from "./ReplyWriter.ts"

const writer = new TextReplyWriter()

/** A reply as one line. */
export const encodeReply = (reply: Reply.Reply): string => {
  Reply.write(reply, writer)
  return writer.take().toString("latin1")
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
    case "Explain":
      return `EXPLAIN ${command.key}\n`
    case "Stats":
      return command.topic === undefined ? "STATS\n" : `STATS ${command.topic.toUpperCase()}\n`
    case "Flush":
      return "FLUSH\n"
    case "Quit":
      return "QUIT\n"
    case "Auth":
      return command.user === undefined ? `AUTH ${command.password}\n` : `AUTH ${command.user} ${command.password}\n`
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
