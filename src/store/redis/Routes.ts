/**
 * Where each command of the table goes when the keys are in a Redis server or a cluster, and what it is called there. The
 * table says which arguments are keys; this says what else there is to know. It sends nothing.
 */
import { commands as table, DELETE, EXISTS, GET, LOOK, PUT } from "../../commands/Commands.ts"
import { putBytes } from "../../commands/Text.ts"
import { type Outbox, prepared } from "./Outbox.ts"

/** To the server that has the slot of its keys. */
export const KEYED = 0
/** The same; keys of several slots are split, and the answers joined. */
export const SPLIT = 1
/** To all masters. */
export const EVERYWHERE = 2
/** Is executed here: it concerns no key. */
const HERE = 3
/** To any master. */
export const ANYWHERE = 4

/** Our own commands, which Redis calls otherwise. */
export const PUT_BYTES = table.indexOf(putBytes)
export const FLUSH = table.findIndex(({ name }) => name === "FLUSH")

const idOf = (name: string): number =>
  table.findIndex((entry) => entry.name === name && entry.protocols.includes("resp") && entry.execute !== undefined)

export const MGET = idOf("MGET")
/** Of any number of keys. That of the text protocol is another. */
export const EXISTS_ALL = idOf("EXISTS")
export const MSET = idOf("MSET")
export const KEYS = idOf("KEYS")
export const SCAN = idOf("SCAN")
export const RANDOMKEY = idOf("RANDOMKEY")
export const DBSIZE = idOf("DBSIZE")
export const EXPLAIN = idOf("EXPLAIN")
const FLUSHDB = idOf("FLUSHDB")
const FLUSHALL = idOf("FLUSHALL")
const SWAPDB = idOf("SWAPDB")

const splits: ReadonlySet<number> = new Set(["MGET", "MSET", "DEL", "UNLINK", "EXISTS", "TOUCH"].map(idOf))
const everywhere: ReadonlySet<number> = new Set([KEYS, SCAN, RANDOMKEY, DBSIZE, FLUSHDB, FLUSHALL, FLUSH])

/** By the command's id. */
export const routes = Uint8Array.from(table, ({ keys }, id) => {
  if (splits.has(id)) return SPLIT
  if (everywhere.has(id)) return EVERYWHERE
  if (id === SWAPDB) return ANYWHERE
  return keys === undefined ? HERE : KEYED
})

/** What the commands of our own are called. */
const theirs: ReadonlyMap<number, string> = new Map([
  [PUT, "SET"],
  [PUT_BYTES, "SET"],
  [DELETE, "DEL"],
  [EXISTS, "EXISTS"],
  [GET, "GET"],
  [FLUSH, "FLUSHALL"],
  [LOOK, "EXISTS"]
])

const wordsOf = (id: number): ReadonlyArray<string> => (theirs.get(id) ?? table[id]?.name ?? "").split("|")

/** The name of each command as it is sent, by the command's id: its words, prepared, and how many they are. */
export const names: ReadonlyArray<{ readonly words: number; readonly bytes: Buffer; readonly text: string }> =
  table.map((_, id) => {
    const words = wordsOf(id)
    return { words: words.length, bytes: Buffer.concat(words.map(prepared)), text: words.join(" ") }
  })

/** Begins a request for a command with so many arguments. */
export const begin = (id: number, count: number, out: Outbox): void => {
  const name = names[id]
  if (name === undefined) throw new Error(`there is no command ${id}`)
  out.begin(name.words + count)
  out.raw(name.bytes)
}
