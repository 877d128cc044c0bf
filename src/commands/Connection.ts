/** Commands that concern the connection. */
import { FixedReply } from "../domain/Reply.ts"
import type { Entry } from "./Entry.ts"

const pong = new FixedReply((sink) => sink.simple("PONG"))

export const ping: Entry = {
  name: "PING",
  group: "connection",
  since: "1.0.0",
  protocols: ["resp"],
  arity: { min: 0, max: 1 },
  flags: ["fast"],
  usage: "PING [message]",
  summary: "Answer PONG, or with the message",
  details: [],
  execute: ({ sink }, commands, command) => {
    if (commands.argc(command) === 0) return sink.fixed(pong)
    sink.bulk(commands.bytes, commands.argStart(command, 0), commands.argLength(command, 0))
  }
}

export const select: Entry = {
  name: "SELECT",
  group: "connection",
  since: "1.0.0",
  protocols: ["resp"],
  arity: { min: 1, max: 1 },
  flags: ["loading", "stale", "fast"],
  usage: "SELECT index",
  summary: "Choose the database, 0 to 15, of the commands that follow",
  details: []
}
