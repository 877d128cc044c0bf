/**
 * What a decoder puts into a batch in the place of a request that is no command: its answer comes in its turn, like any
 * other. Clients cannot give these commands.
 */
import { ERR } from "../domain/Reply.ts"
import type { Entry } from "./Entry.ts"

const ours = {
  protocols: [],
  arity: { min: 0, max: 0 },
  flags: ["fast"],
  details: [],
  toInput: () => undefined
} as const

/** Says what was wrong: the batch's message. */
export const refuse: Entry = {
  ...ours,
  name: "(refuse)",
  usage: "(refuse)",
  summary: "Answer with an error",
  execute: ({ sink }, commands, command) => sink.error(ERR, commands.message(command))
}

/** Says what was wrong, and what follows cannot be understood. */
export const refuseAndClose: Entry = {
  ...ours,
  name: "(refuse and close)",
  usage: "(refuse and close)",
  summary: "Answer with an error and close the connection"
}

/** A browser speaks, in the midst of something else. Nothing of what follows may be executed. */
export const http: Entry = {
  ...ours,
  name: "(HTTP)",
  usage: "(HTTP)",
  summary: "Turn a browser away"
}

/** A browser speaks, from the first line on: it can be answered in HTTP. */
export const httpRequest: Entry = {
  ...ours,
  name: "(HTTP request)",
  usage: "(HTTP request)",
  summary: "Turn a browser away in HTTP"
}
