/** Commands that concern the connection. Those of CLIENT are in `Client.ts`. */
import { FixedReply } from "../domain/Reply.ts"
import { isWord } from "./Arguments.ts"
import type { Entry } from "./Entry.ts"
import { wrongArity } from "./Replies.ts"

const tooManyForPing = wrongArity("ping")
const pong = new FixedReply((sink) => sink.simple("PONG"))

export const ping: Entry = {
  name: "PING",
  group: "connection",
  since: "1.0.0",
  protocols: ["resp"],
  // Redis takes any number into a transaction, and refuses them when it executes.
  arity: { min: 0, max: Number.POSITIVE_INFINITY },
  flags: ["fast"],
  usage: "PING [message]",
  summary: "Answer PONG, or with the message",
  details: [],
  execute: ({ sink }, commands, command) => {
    const argc = commands.argc(command)
    if (argc === 0) return sink.fixed(pong)
    if (argc > 1) return sink.fixed(tooManyForPing)
    sink.bulk(commands.bytes, commands.argStart(command, 0), commands.argLength(command, 0))
  }
}

export const echo: Entry = {
  name: "ECHO",
  group: "connection",
  since: "1.0.0",
  protocols: ["resp"],
  arity: { min: 1, max: 1 },
  flags: ["loading", "stale", "fast"],
  usage: "ECHO message",
  summary: "Answer with the message",
  details: [],
  execute: ({ sink }, commands, command) =>
    sink.bulk(commands.bytes, commands.argStart(command, 0), commands.argLength(command, 0))
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

export const hello: Entry = {
  name: "HELLO",
  group: "connection",
  since: "6.0.0",
  protocols: ["resp"],
  arity: { min: 0, max: Number.POSITIVE_INFINITY },
  flags: ["noscript", "loading", "stale", "fast", "no_auth", "allow_busy"],
  usage: "HELLO [protover [AUTH username password] [SETNAME clientname]]",
  summary: "Choose the version of the protocol, 2 or 3, and show what the server is",
  // A user and a password follow AUTH.
  isSecret: (commands, command, argument) =>
    [1, 2].some((before) => argument > before && isWord(commands, command, argument - before, "AUTH")),
  details: []
}

export const auth: Entry = {
  name: "AUTH",
  group: "connection",
  since: "1.0.0",
  protocols: ["resp"],
  arity: { min: 1, max: Number.POSITIVE_INFINITY },
  flags: ["noscript", "loading", "stale", "fast", "no_auth", "allow_busy"],
  usage: "AUTH [username] password",
  summary: "Say who the client is",
  isSecret: () => true,
  details: []
}

/** The same in the text protocol, where it is typed like everything else. */
export const authInLine: Entry = {
  ...auth,
  since: undefined,
  protocols: ["text"],
  arity: { min: 1, max: 2 },
  usage: "AUTH [user] <password>",
  details: ["Without a user it is the one that is called 'default'.", "Three failures close the connection."],
  toInput: (args) =>
    args.length === 1 ? { _tag: "Auth", password: args[0] } : { _tag: "Auth", user: args[0], password: args[1] }
}

/** The text protocol has one without an answer. */
export const quitWithAnswer: Entry = {
  name: "QUIT",
  group: "connection",
  since: "1.0.0",
  protocols: ["resp"],
  arity: { min: 0, max: Number.POSITIVE_INFINITY },
  flags: ["noscript", "loading", "stale", "fast", "no_auth", "allow_busy"],
  usage: "QUIT",
  summary: "Close the connection",
  details: []
}

export const reset: Entry = {
  name: "RESET",
  group: "connection",
  since: "6.2.0",
  protocols: ["resp"],
  arity: { min: 0, max: 0 },
  flags: ["noscript", "loading", "stale", "fast", "no_auth", "allow_busy"],
  usage: "RESET",
  summary: "Make the connection what it was at first",
  details: []
}
