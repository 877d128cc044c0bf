/**
 * The meaning of a typed line, and what a person is told about the commands.
 *
 * Pure: a line in, an action out. It has a few words of its own (`help`, `time` and such). The protocol's decoder reads
 * all other lines, as the server would, and the table of commands describes their commands. `Repl.ts` carries out the
 * actions.
 */
import { commandsOf } from "../commands/Commands.ts"
import type { Entry } from "../commands/Entry.ts"
import type { AnsweredCommand } from "../domain/Command.ts"
import * as Reply from "../domain/Reply.ts"
import type { ProtocolService } from "../protocol/Protocol.ts"
import type * as LineEditor from "./LineEditor.ts"
import * as ReplyText from "./ReplyText.ts"

// --- the commands as a person sees them

interface Topic {
  readonly usage: string
  readonly summary: string
  readonly details: ReadonlyArray<string>
}

const serverEntries: ReadonlyArray<Entry> = [...commandsOf("text").values()]

const isReal = ({ flags }: Entry): boolean => !flags.includes("virtual")

const LOCAL = {
  help: {
    usage: "help [command]",
    summary: "Show all commands, or one; ? does the same",
    details: ["Example: help PUT"]
  },
  status: {
    usage: "status",
    summary: "Show address, version, uptime, time of an answer",
    details: ["It asks the server once and changes nothing there."]
  },
  reconnect: {
    usage: "reconnect",
    summary: "Connect anew",
    details: ["A command that finds the connection lost does so by itself."]
  },
  clear: { usage: "clear", summary: "Clear the screen", details: ["Ctrl-L does the same and keeps the line."] },
  time: {
    usage: "time <command>",
    summary: "Show how long a command takes",
    details: ["The time is from the sending of the command to its answer.", "Example: time GET greeting"]
  },
  exit: { usage: "exit", summary: "Leave", details: ["Ctrl-D and QUIT do the same."] }
} satisfies Record<string, Topic>

type LocalName = keyof typeof LOCAL

const isLocal = (name: string): name is LocalName => Object.hasOwn(LOCAL, name)

const namedTopic = (entry: Entry): readonly [string, Topic] => [entry.name, entry]

const serverTopics: ReadonlyArray<readonly [string, Topic]> = serverEntries.map(namedTopic)

const realTopics: ReadonlyArray<readonly [string, Topic]> = serverEntries.filter(isReal).map(namedTopic)

const localTopics: ReadonlyArray<readonly [string, Topic]> = Object.entries(LOCAL)

const topics: ReadonlyMap<string, Topic> = new Map([...serverTopics, ...localTopics])

const argsOf = ({ usage }: Topic): ReadonlyArray<string> => usage.split(" ").slice(1)

const grammarOf = (entries: ReadonlyArray<Entry>): LineEditor.Grammar =>
  entries.map((entry) => ({ name: entry.name, args: argsOf(entry), next: entry.subcommands }))

const withLocal = (known: LineEditor.Grammar): LineEditor.Grammar => [
  ...known,
  ...localTopics.map(([name, topic]) => ({
    name,
    args: argsOf(topic),
    next:
      name === "time"
        ? known
        : name === "help"
          ? [...known, ...localTopics.map(([localName]) => ({ name: localName }))].map((spec) => ({
              name: spec.name,
              args: []
            }))
          : undefined
  }))
]

const realWords = withLocal(grammarOf(serverEntries.filter(isReal)))
const virtualWords = withLocal(grammarOf(serverEntries))

/** What the client is connected to: nothing, a server, or a server in virtual time. */
export type Peer = "none" | "real" | "virtual"

/** The words that a line may begin with, for completion and hints. */
export const grammar = (peer: Peer): LineEditor.Grammar => (peer === "virtual" ? virtualWords : realWords)

// --- a line in, an action out

export type Action =
  | { readonly _tag: "Nothing" }
  | { readonly _tag: "Print"; readonly text: string }
  /** Something is wrong with the line, in the words of a reply. */
  | { readonly _tag: "Refuse"; readonly reply: Reply.Reply }
  | { readonly _tag: "Send"; readonly command: AnsweredCommand; readonly timed: boolean }
  | { readonly _tag: "Status" }
  | { readonly _tag: "Reconnect" }
  | { readonly _tag: "Clear" }
  | { readonly _tag: "Leave" }

/**
 * The action for a line. Lines that do not begin with a word of the client's own are read as the server would read
 * them.
 */
export const interpret = (line: string, protocol: ProtocolService, peer: Peer): Action => {
  const [first = "", ...rest] = line.trim().split(/[ \t]+/)
  if (first === "") return { _tag: "Nothing" }
  const name = first === "?" ? "help" : first.toLowerCase()
  if (!isLocal(name)) return send(line, protocol, false)
  if (name === "time") {
    return rest.length === 0 ? wrongCount(LOCAL.time) : send(line.trimStart().slice(first.length), protocol, true)
  }
  if (rest.length > (name === "help" ? 1 : 0)) return wrongCount(LOCAL[name])
  switch (name) {
    case "help":
      return help(rest[0], peer)
    case "status":
      return { _tag: "Status" }
    case "reconnect":
      return { _tag: "Reconnect" }
    case "clear":
      return { _tag: "Clear" }
    case "exit":
      return { _tag: "Leave" }
  }
}

const send = (line: string, protocol: ProtocolService, timed: boolean): Action => {
  const request = ReplyText.readLine(line, protocol)
  switch (request._tag) {
    case "Malformed":
      return { _tag: "Refuse", reply: Reply.failed(request.message) }
    case "Quit":
      return { _tag: "Leave" }
    default:
      return { _tag: "Send", command: request, timed }
  }
}

const wrongCount = ({ usage }: Topic): Action => ({
  _tag: "Refuse",
  reply: Reply.failed(`wrong number of arguments: usage ${usage}`)
})

const help = (name: string | undefined, peer: Peer): Action => {
  if (name === undefined) return { _tag: "Print", text: peer === "virtual" ? virtualHelp : realHelp }
  const topic = topics.get(name.toUpperCase()) ?? topics.get(name.toLowerCase())
  return topic === undefined
    ? {
        _tag: "Refuse",
        reply: Reply.failed(`no help for '${printable(name.slice(0, MAX_SHOWN_NAME))}': type 'help' for all commands`)
      }
    : { _tag: "Print", text: [topic.usage, ...[topic.summary, ...topic.details].map((text) => `  ${text}`)].join("\n") }
}

const MAX_SHOWN_NAME = 32

const usageWidth = Math.max(...[...topics.values()].map(({ usage }) => usage.length))

const list = (entries: ReadonlyArray<readonly [string, Topic]>): ReadonlyArray<string> =>
  entries.map(([, { summary, usage }]) => `  ${usage.padEnd(usageWidth)}  ${summary}`)

const allHelp = (known: ReadonlyArray<readonly [string, Topic]>): string =>
  [
    "Commands of the server:",
    ...list(known),
    "Commands of this client:",
    ...list(localTopics),
    "Keys:",
    "  Tab completes a command, Up and Down recall lines, Ctrl-R searches them,",
    "  Ctrl-C cancels a line or the wait for an answer, Ctrl-D leaves."
  ].join("\n")

const realHelp = allHelp(realTopics)
const virtualHelp = allHelp(serverTopics)

// --- text on the screen

/** Colours. Without colours, no escape sequence is written for them. */
export interface Style {
  readonly error: (text: string) => string
  readonly notice: (text: string) => string
  readonly dim: (text: string) => string
}

const plain = (text: string) => text

const sgr = (code: number) => (text: string) => `\x1b[${code}m${text}\x1b[0m`

export const style = (colors: boolean): Style =>
  colors ? { error: sgr(31), notice: sgr(33), dim: sgr(2) } : { error: plain, notice: plain, dim: plain }

const PROMPTS: Readonly<Record<Peer, string>> = {
  none: "not connected>>> ",
  real: ">>> ",
  virtual: "virtual>>> "
}

export const prompt = (peer: Peer): string => PROMPTS[peer]

/** Makes text from elsewhere, such as a server's message, harmless: it must not move the cursor or worse. */
export const printable = (text: string): string => text.replaceAll(/[^\x20-\x7e]/g, "?")

/** A time span for people. */
export const formatNanos = (nanos: bigint): string => {
  const millis = Number(nanos) / 1e6
  return millis < 1000 ? `${millis.toFixed(2)} ms` : `${(millis / 1000).toFixed(2)} s`
}
