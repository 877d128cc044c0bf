/** The command that moves a server's virtual time. */
import { type Arity, type Entry, parseDecimal, parseDigits, type Subcommand } from "./Entry.ts"

const NONE: Arity = { min: 0, max: 0 }
const ONE: Arity = { min: 1, max: 1 }

interface Action extends Subcommand {
  readonly toInput: (argument: string | undefined) => unknown
}

const actions: ReadonlyArray<Action> = [
  {
    name: "NOW",
    args: [],
    summary: "Show what time it is, in ms since the server's start",
    arity: NONE,
    toInput: () => ({ _tag: "Now" })
  },
  {
    name: "ADVANCE",
    args: ["<ms>"],
    summary: "Move time forward by ms",
    arity: ONE,
    toInput: (millis = "") => ({ _tag: "Advance", millis: parseDigits(millis) })
  },
  {
    name: "SET",
    args: ["<ms>"],
    summary: "Move time forward to ms",
    arity: ONE,
    toInput: (millis = "") => ({ _tag: "Set", millis: parseDigits(millis) })
  },
  {
    name: "RUN",
    args: ["[factor]"],
    summary: "Let time flow, 60 for a minute each second",
    arity: { min: 0, max: 1 },
    toInput: (factor = "1") => ({ _tag: "Run", factor: parseDecimal(factor) })
  },
  { name: "FREEZE", args: [], summary: "Stop time", arity: NONE, toInput: () => ({ _tag: "Freeze" }) },
  {
    name: "RESET",
    args: [],
    summary: "Start again at 0 ms: time stands still, no key is left",
    arity: NONE,
    toInput: () => ({ _tag: "Reset" })
  }
]

const ACTION_WIDTH = 21

export const clock: Entry = {
  name: "CLOCK",
  group: "server",
  protocols: ["text", "resp"],
  arity: { min: 1, max: 2 },
  flags: ["admin", "fast", "virtual"],
  usage: "CLOCK <action>",
  summary: "Move this server's virtual time",
  details: [
    ...actions.map(
      ({ args, name, summary }) => `${["CLOCK", name, ...args].join(" ").padEnd(ACTION_WIDTH)} ${summary}`
    ),
    "Only a server that was started with --clock virtual takes it.",
    "Example: CLOCK ADVANCE 60000"
  ],
  subcommands: actions,
  toInput: ([word = "", argument]) => ({
    _tag: "Clock",
    action: actions.find(({ name }) => name === word.toUpperCase())?.toInput(argument)
  })
}
