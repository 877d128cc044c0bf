/**
 * The table of commands: every command of every protocol. A command's id in a `CommandBatch` is its index here. This
 * module executes nothing: see `store/Executor.ts`.
 *
 * To add a command, add its entry to the module of its family, list it here, and test it.
 */
import * as Result from "effect/Result"
import * as Command from "../domain/Command.ts"
import type { CommandBatch } from "../domain/CommandBatch.ts"
import { clock } from "./Clock.ts"
import type { Entry, KeyPositions, ProtocolName } from "./Entry.ts"
import { databases } from "./Databases.ts"
import { dumps } from "./Dump.ts"
import { expiry } from "./Expiry.ts"
import { deleteOne, existsOne, keys } from "./Keys.ts"
import { moves } from "./Moves.ts"
import { objects } from "./Objects.ts"
import { forbid, http, httpRequest, refuse, refuseAndClose } from "./Refusals.ts"
import { scans } from "./Scan.ts"
import { explain, flush, quit, stats } from "./Server.ts"
import { absentCommands } from "./Absent.ts"
import { aclCommands } from "./Acl.ts"
import { clientCommands } from "./Client.ts"
import { configCommands } from "./Config.ts"
import { auth, authInLine, echo, hello, ping, quitWithAnswer, reset, select } from "./Connection.ts"
import { diagnosticCommands } from "./Diagnostics.ts"
import { infoCommands } from "./Info.ts"
import { introspectionCommands } from "./Introspection.ts"
import { bitFields } from "./BitFields.ts"
import { bitmaps } from "./Bitmaps.ts"
import { lcs } from "./Lcs.ts"
import { slownessCommands } from "./Slowness.ts"
import { numbers } from "./Numbers.ts"
import { ranges } from "./Ranges.ts"
import { get, put, strings } from "./Strings.ts"
import { subscribe, unsubscribe } from "./PubSub.ts"
import { trackingCommands } from "./Tracking.ts"
import { putBytes } from "./Text.ts"
import { ahead, discard, exec, look, multi, unwatch, watch } from "./Transactions.ts"

/** What no key and no value may exceed, whichever command has it. */
export { MAX_KEY_LENGTH, MAX_VALUE_LENGTH } from "../engine/Limits.ts"

/** In the order in which they are shown. */
export const commands: ReadonlyArray<Entry> = [
  put,
  get,
  deleteOne,
  existsOne,
  explain,
  stats,
  flush,
  authInLine,
  quit,
  clock,
  ...strings,
  ...numbers,
  ...ranges,
  lcs,
  ...bitmaps,
  ...bitFields,
  ping,
  select,
  echo,
  hello,
  auth,
  quitWithAnswer,
  reset,
  ...clientCommands,
  ...introspectionCommands,
  ...aclCommands,
  ...configCommands,
  ...infoCommands,
  ...trackingCommands,
  subscribe,
  unsubscribe,
  putBytes,
  ...slownessCommands,
  ...diagnosticCommands,
  ...absentCommands,
  multi,
  exec,
  discard,
  watch,
  unwatch,
  look,
  ahead,
  ...keys,
  ...expiry,
  ...scans,
  ...moves,
  ...dumps,
  ...objects,
  ...databases,
  refuse,
  forbid,
  refuseAndClose,
  http,
  httpRequest
]

export const PUT = commands.indexOf(put)
export const GET = commands.indexOf(get)
export const DELETE = commands.indexOf(deleteOne)
export const EXISTS = commands.indexOf(existsOne)
export const STATS = commands.indexOf(stats)
export const QUIT = commands.indexOf(quit)
export const LOOK = commands.indexOf(look)
export const AHEAD = commands.indexOf(ahead)
export const REFUSE = commands.indexOf(refuse)
export const FORBID = commands.indexOf(forbid)
export const REFUSE_AND_CLOSE = commands.indexOf(refuseAndClose)
export const EXEC = commands.indexOf(exec)
export const HTTP = commands.indexOf(http)
export const HTTP_REQUEST = commands.indexOf(httpRequest)

/** By the command's id, 1 if it may change keys. */
export const isWrite = Uint8Array.from(commands, ({ flags }) => (flags.includes("write") ? 1 : 0))

/** The commands of a protocol, by name. */
export const commandsOf = (protocol: ProtocolName): ReadonlyMap<string, Entry> =>
  new Map(commands.filter(({ protocols }) => protocols.includes(protocol)).map((entry) => [entry.name, entry]))

/** The names of a protocol's commands that have subcommands with entries of their own. */
export const containersOf = (protocol: ProtocolName): ReadonlySet<string> =>
  new Set([...commandsOf(protocol).keys()].filter((name) => name.includes("|")).map((name) => name.replace(/\|.*/, "")))

/** Whether an argument of a command with `argc` arguments is a key. Arguments are counted from 0. */
export const isKey = ({ keys }: Entry, argument: number, argc: number): boolean => isAt(keys, argument, argc)

/** Whether one becomes a value as it is. */
export const isValue = ({ values }: Entry, argument: number, argc: number): boolean => isAt(values, argument, argc)

const isAt = (positions: KeyPositions | undefined, argument: number, argc: number): boolean => {
  if (positions === undefined || argument < positions.first) return false
  const { first, last, step = 1 } = positions
  return argument <= (last < 0 ? argc + last : last) && (argument - first) % step === 0
}

/**
 * Checks the arguments of a command with the Schema. Their number must be right. A failure is the message of the check.
 */
export const check = (entry: Entry, args: ReadonlyArray<string>): Result.Result<Command.Command, string> =>
  Command.decode(entry.toInput?.(args))

/** A command of a batch as the Schema defines it. */
export const typed = (batch: CommandBatch, command: number): Result.Result<Command.Command, string> => {
  const entry = commands[batch.id(command)]
  if (entry === undefined) return Result.fail(`no command has the id ${batch.id(command)}`)
  return check(
    entry,
    Array.from({ length: batch.argc(command) }, (_, argument) => batch.text(command, argument))
  )
}
