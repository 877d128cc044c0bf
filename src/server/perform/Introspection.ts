/** COMMAND and the HELP of each container: what commands there are, read from their own table. */
import { commands as table, isKey } from "../../commands/Commands.ts"
import { containers } from "../../commands/Containers.ts"
import type { Entry, Flag, Group } from "../../commands/Entry.ts"
import { textMatches } from "../../commands/Glob.ts"
import {
  command as commandCommand,
  commandCount,
  commandDocs,
  commandGetKeys,
  commandGetKeysAndFlags,
  commandInfo,
  commandList
} from "../../commands/Introspection.ts"
import { syntaxError } from "../../commands/Replies.ts"
import { type Argument, argumentsOf } from "../../commands/UsageArguments.ts"
import { ERR } from "../../domain/Reply.ts"
import type { ReplyWriter } from "../../protocol/Protocol.ts"
import type { Perform } from "../Session.ts"
import { atOnce, bulkLatin1, texts } from "./Perform.ts"

const entries: ReadonlyArray<Entry> = table.filter(({ protocols }) => protocols.includes("resp"))

/** A command that clients know: its own entry, if it has one, and those of its subcommands. */
interface Described {
  readonly name: string
  readonly entry: Entry | undefined
  readonly subcommands: ReadonlyArray<Entry>
}

const firstWord = (name: string): string => name.split("|", 1)[0] ?? name

const described: ReadonlyMap<string, Described> = new Map(
  [...new Set(entries.map(({ name }) => firstWord(name)))].map((name) => [
    name,
    {
      name,
      entry: entries.find((entry) => entry.name === name),
      subcommands: entries.filter((entry) => entry.name.startsWith(`${name}|`))
    }
  ])
)

const flagNames: Partial<Readonly<Record<Flag, string>>> = { read: "readonly" }

const categoriesOfGroups: Partial<Readonly<Record<Group, string>>> = {
  bitmap: "@bitmap",
  connection: "@connection",
  generic: "@keyspace",
  scripting: "@scripting",
  string: "@string",
  transactions: "@transaction"
}

/** In Redis's order. */
const categories = ({ flags, group, isDangerous }: Entry): ReadonlyArray<string> => {
  const isAdmin = flags.includes("admin")
  const ofGroup = categoriesOfGroups[group]
  const all = [
    group === "generic" ? ofGroup : undefined,
    flags.includes("read") ? "@read" : undefined,
    flags.includes("write") ? "@write" : undefined,
    group === "string" || group === "bitmap" ? ofGroup : undefined,
    isAdmin ? "@admin" : undefined,
    flags.includes("fast") ? "@fast" : "@slow",
    isAdmin || isDangerous === true ? "@dangerous" : undefined,
    group === "connection" || group === "transactions" || group === "scripting" ? ofGroup : undefined
  ]
  return all.filter((category) => category !== undefined)
}

/** The categories of commands, without their `@`, in Redis's order; those that no command here has as well. */
export const ACL_CATEGORIES: ReadonlyArray<string> = (
  "keyspace read write set sortedset list hash string bitmap hyperloglog geo stream pubsub admin fast slow blocking " +
  "dangerous connection transaction scripting"
).split(" ")

/** The names of the commands in a category. */
export const namesIn = (category: string): ReadonlyArray<string> =>
  entries.filter((entry) => categories(entry).includes(`@${category.toLowerCase()}`)).map(({ name }) => name)

/** How many words a command's name has. */
const wordsOf = ({ name }: Entry): number => (name.includes("|") ? 2 : 1)

/** The number of words with those of the name; negative if there may be more. */
const arityOf = (entry: Entry): number => {
  const { max, min } = entry.arity
  return min === max ? min + wordsOf(entry) : -(min + wordsOf(entry))
}

const keyFlags = ({ flags }: Entry): ReadonlyArray<string> =>
  flags.includes("write") ? ["RW", "access", "update"] : ["RO", "access"]

const statuses = (replies: ReplyWriter, all: ReadonlyArray<string>): void => {
  replies.set(all.length)
  for (const status of all) replies.simple(status)
}

const pairs = (replies: ReplyWriter, all: Readonly<Record<string, number>>): void => {
  const found = Object.entries(all)
  replies.map(found.length)
  for (const [name, value] of found) {
    replies.text(name)
    replies.integer(value)
  }
}

const writeKeys = (replies: ReplyWriter, entry: Entry): void => {
  const { keys } = entry
  replies.set(keys === undefined ? 0 : 1)
  if (keys === undefined) return
  replies.map(3)
  replies.text("flags")
  statuses(replies, keyFlags(entry))
  replies.text("begin_search")
  replies.map(2)
  replies.text("type")
  replies.text("index")
  replies.text("spec")
  pairs(replies, { index: keys.first + wordsOf(entry) })
  replies.text("find_keys")
  replies.map(2)
  replies.text("type")
  replies.text("range")
  replies.text("spec")
  const lastkey = keys.last < 0 ? keys.last : keys.last - keys.first
  pairs(replies, { lastkey, keystep: keys.step ?? 1, limit: 0 })
}

const writeInfo = (replies: ReplyWriter, name: string, entry: Entry | undefined, subs: ReadonlyArray<Entry>): void => {
  replies.array(10)
  replies.text(name.toLowerCase())
  replies.integer(entry === undefined ? -2 : arityOf(entry))
  statuses(
    replies,
    (entry?.flags ?? []).map((flag) => flagNames[flag] ?? flag)
  )
  const keys = entry?.keys
  const before = entry === undefined ? 1 : wordsOf(entry)
  replies.integer(keys === undefined ? 0 : keys.first + before)
  replies.integer(keys === undefined ? 0 : keys.last < 0 ? keys.last : keys.last + before)
  replies.integer(keys === undefined ? 0 : (keys.step ?? 1))
  statuses(replies, entry === undefined ? ["@slow"] : categories(entry))
  replies.set(0)
  if (entry === undefined) replies.set(0)
  else writeKeys(replies, entry)
  if (subs.length === 0) return replies.set(0)
  replies.array(subs.length)
  for (const sub of subs) writeInfo(replies, sub.name, sub, [])
}

const writeDescribed = (replies: ReplyWriter, { entry, name, subcommands }: Described): void =>
  writeInfo(replies, name, entry, subcommands)

const writeArguments = (replies: ReplyWriter, all: ReadonlyArray<Argument>): void => {
  replies.array(all.length)
  for (const argument of all) writeArgument(replies, argument)
}

const writeArgument = (replies: ReplyWriter, argument: Argument): void => {
  const { name, token, type } = argument
  const flags = [
    ...(argument.isOptional === true ? ["optional"] : []),
    ...(argument.isMultiple === true ? ["multiple"] : []),
    ...(argument.isTokenMultiple === true ? ["multiple_token"] : [])
  ]
  const isValue = type !== "pure-token" && type !== "oneof" && type !== "block"
  const parts = [isValue, type === "key", token !== undefined, flags.length > 0, argument.arguments !== undefined]
  replies.map(2 + parts.filter(Boolean).length)
  replies.text("name")
  replies.text(name)
  replies.text("type")
  replies.text(type)
  if (isValue) {
    replies.text("display_text")
    replies.text(name)
  }
  if (type === "key") {
    replies.text("key_spec_index")
    replies.integer(0)
  }
  if (token !== undefined) {
    replies.text("token")
    replies.text(token)
  }
  if (flags.length > 0) {
    replies.text("flags")
    statuses(replies, flags)
  }
  if (argument.arguments !== undefined) {
    replies.text("arguments")
    writeArguments(replies, argument.arguments)
  }
}

const writeDocs = (replies: ReplyWriter, name: string, entry: Entry | undefined, subs: ReadonlyArray<Entry>): void => {
  const container = containers[name]
  const facts: ReadonlyArray<readonly [string, string | undefined]> = [
    ["summary", entry?.summary ?? container?.summary],
    ["since", entry?.since ?? container?.since],
    ["group", entry?.group ?? container?.group],
    ["complexity", entry === undefined ? "Depends on subcommand." : (entry.complexity ?? "O(1)")]
  ]
  const known = facts.filter((fact): fact is readonly [string, string] => fact[1] !== undefined)
  const args = entry === undefined ? [] : argumentsOf(entry.usage, wordsOf(entry))
  replies.text(name.toLowerCase())
  replies.map(known.length + (args.length > 0 ? 1 : 0) + (subs.length > 0 ? 1 : 0))
  for (const [fact, text] of known) {
    replies.text(fact)
    replies.text(text)
  }
  if (args.length > 0) {
    replies.text("arguments")
    writeArguments(replies, args)
  }
  if (subs.length === 0) return
  replies.text("subcommands")
  replies.map(subs.length)
  for (const sub of subs) writeDocs(replies, sub.name, sub, [])
}

/** The command of a name such as `client` or `client|list`. */
const find = (name: string): Described | undefined => {
  const whole = described.get(name.toUpperCase())
  if (whole !== undefined) return whole
  const entry = entries.find((candidate) => candidate.name === name.toUpperCase())
  return entry === undefined ? undefined : { name: entry.name, entry, subcommands: [] }
}

/** What COMMAND LIST lists: commands, and subcommands with their command's name before them. */
const names = [...described.keys(), ...entries.map(({ name }) => name).filter((name) => name.includes("|"))]

/** The names that a filter of COMMAND LIST leaves, or nothing if it is no filter. */
const filtered = (kind: string, value: string): ReadonlyArray<string> | undefined => {
  switch (kind.toUpperCase()) {
    case "MODULE":
      return []
    case "ACLCAT":
      return namesIn(value)
    case "PATTERN":
      return names.filter((name) => textMatches(value, name))
    default:
      return undefined
  }
}

const performList: Perform = atOnce((_session, commands, command, _now, replies) => {
  const [filterBy, kind = "", value = "", ...rest] = texts(commands, command)
  const isFiltered = filterBy !== undefined
  const isBad = isFiltered && (filterBy.toUpperCase() !== "FILTERBY" || commands.argc(command) !== 3 || rest.length > 0)
  const listed = isBad ? undefined : isFiltered ? filtered(kind, value) : names
  if (listed === undefined) return replies.fixed(syntaxError)
  replies.array(listed.length)
  for (const name of listed) replies.text(name.toLowerCase())
})

/** The keys of a whole command, given as words, or what is wrong with it. */
const keysOf = (
  words: ReadonlyArray<string>
): { readonly entry: Entry; readonly keys: ReadonlyArray<string> } | string => {
  const [first = "", second = ""] = words
  const found = find(first)
  const entry = found?.subcommands.find(({ name }) => name === `${first}|${second}`.toUpperCase()) ?? found?.entry
  if (entry === undefined) return "Invalid command specified"
  if (entry.keys === undefined) return "The command has no key arguments"
  const args = words.slice(wordsOf(entry))
  if (args.length < entry.arity.min || args.length > entry.arity.max) {
    return "Invalid number of arguments specified for command"
  }
  return { entry, keys: args.filter((_, index) => isKey(entry, index, args.length)) }
}

/** Shows how to use the subcommands of a container. */
const performHelp: Perform = atOnce((_session, commands, command, _now, replies) => {
  const container = firstWord(table[commands.id(command)]?.name ?? "")
  const lines = [
    `${container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`,
    ...(described.get(container)?.subcommands ?? []).flatMap(({ summary, usage }) => [
      usage.slice(container.length + 1),
      `    ${summary}.`
    ])
  ]
  replies.array(lines.length)
  for (const line of lines) replies.simple(line)
})

export const introspection: ReadonlyArray<readonly [Entry, Perform]> = [
  [
    commandCommand,
    atOnce((_session, _commands, _command, _now, replies) => {
      replies.array(described.size)
      for (const one of described.values()) writeDescribed(replies, one)
    })
  ],
  [commandCount, atOnce((_session, _commands, _command, _now, replies) => replies.integer(described.size))],
  [
    commandInfo,
    atOnce((_session, commands, command, _now, replies) => {
      const names = commands.argc(command) === 0 ? [...described.keys()] : texts(commands, command)
      replies.array(names.length)
      for (const name of names) {
        const found = find(name)
        if (found === undefined) replies.nullArray()
        else writeDescribed(replies, found)
      }
    })
  ],
  [
    commandDocs,
    atOnce((_session, commands, command, _now, replies) => {
      const names = commands.argc(command) === 0 ? [...described.keys()] : texts(commands, command)
      const found = names.map(find).filter((one) => one !== undefined)
      replies.map(found.length)
      for (const { entry, name, subcommands } of found) writeDocs(replies, name, entry, subcommands)
    })
  ],
  [commandList, performList],
  [
    commandGetKeys,
    atOnce((_session, commands, command, _now, replies) => {
      const found = keysOf(texts(commands, command))
      if (typeof found === "string") return replies.error(ERR, found)
      replies.array(found.keys.length)
      for (const key of found.keys) bulkLatin1(replies, key)
    })
  ],
  [
    commandGetKeysAndFlags,
    atOnce((_session, commands, command, _now, replies) => {
      const found = keysOf(texts(commands, command))
      if (typeof found === "string") return replies.error(ERR, found)
      replies.array(found.keys.length)
      for (const key of found.keys) {
        replies.array(2)
        bulkLatin1(replies, key)
        statuses(replies, keyFlags(found.entry))
      }
    })
  ],
  // A help with more to say has a function of its own.
  ...table
    .filter(({ execute, name }) => name.endsWith("|HELP") && execute === undefined)
    .map((entry) => [entry, performHelp] as const)
]
