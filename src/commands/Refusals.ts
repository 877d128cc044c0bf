/**
 * The entries that a decoder adds to a batch for malformed requests, so that their answers come in turn like any other.
 * They are not commands: clients cannot send them.
 */
import { ERR } from "../domain/Reply.ts"
import type { Entry } from "./Entry.ts"

/** The kind of an error: the client's user may not do that. */
export const NOPERM = "NOPERM"

const ours = {
  group: "server",
  protocols: [],
  arity: { min: 0, max: 0 },
  flags: ["fast"],
  details: []
} as const

/** Answers with what was wrong, which is the batch's message. */
export const refuse: Entry = {
  ...ours,
  name: "(refuse)",
  usage: "(refuse)",
  summary: "Answer with an error",
  execute: ({ sink }, commands, command) => sink.error(ERR, commands.message(command))
}

/** Takes the place of a command that its client may not use, and answers with that. */
export const forbid: Entry = {
  ...ours,
  name: "(forbid)",
  usage: "(forbid)",
  summary: "Answer that the client may not",
  execute: ({ sink }, commands, command) => sink.error(NOPERM, commands.message(command))
}

/** Answers with what was wrong. What follows cannot be understood. */
export const refuseAndClose: Entry = {
  ...ours,
  name: "(refuse and close)",
  usage: "(refuse and close)",
  summary: "Answer with an error and close the connection"
}

/** A browser speaks after other requests. Nothing that follows may be executed. */
export const http: Entry = {
  ...ours,
  name: "(HTTP)",
  usage: "(HTTP)",
  summary: "Turn a browser away"
}

/** A browser speaks from the first line on, so it can be answered in HTTP. */
export const httpRequest: Entry = {
  ...ours,
  name: "(HTTP request)",
  usage: "(HTTP request)",
  summary: "Turn a browser away in HTTP"
}
