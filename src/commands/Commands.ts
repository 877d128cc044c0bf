/**
 * The table of commands: every command of every protocol. A command's id, in a `CommandBatch`, is its place here.
 *
 * A new command is one more entry, in the file of its family, and its tests.
 */
import * as Result from "effect/Result"
import * as Command from "../domain/Command.ts"
import type { CommandBatch } from "../domain/CommandBatch.ts"
import { clock } from "./Clock.ts"
import type { Entry, ProtocolName } from "./Entry.ts"
import { del, exists } from "./Keys.ts"
import { http, httpRequest, refuse, refuseAndClose } from "./Refusals.ts"
import { flush, quit, stats } from "./Server.ts"
import { get, put } from "./Strings.ts"

/** In the order in which they are shown. */
export const commands: ReadonlyArray<Entry> = [
  put,
  get,
  del,
  exists,
  stats,
  flush,
  quit,
  clock,
  refuse,
  refuseAndClose,
  http,
  httpRequest
]

export const PUT = commands.indexOf(put)
export const GET = commands.indexOf(get)
export const DELETE = commands.indexOf(del)
export const EXISTS = commands.indexOf(exists)
export const STATS = commands.indexOf(stats)
export const QUIT = commands.indexOf(quit)
export const CLOCK = commands.indexOf(clock)
export const REFUSE = commands.indexOf(refuse)
export const REFUSE_AND_CLOSE = commands.indexOf(refuseAndClose)
export const HTTP = commands.indexOf(http)
export const HTTP_REQUEST = commands.indexOf(httpRequest)

/** The commands of a protocol, by name. */
export const commandsOf = (protocol: ProtocolName): ReadonlyMap<string, Entry> =>
  new Map(commands.filter(({ protocols }) => protocols.includes(protocol)).map((entry) => [entry.name, entry]))

/** Whether an argument of a command, counted from 0, is a key. */
export const isKey = ({ keys }: Entry, argument: number): boolean =>
  keys !== undefined && argument >= keys.first && argument <= keys.last

/** A command with arguments in the right number, as the Schema has it; else what is wrong with them. */
export const check = (entry: Entry, args: ReadonlyArray<string>): Result.Result<Command.Command, string> =>
  Command.decode(entry.toInput(args))

/** A command of a batch that has been checked, as the typed faces have it. */
export const typed = (batch: CommandBatch, command: number): Result.Result<Command.Command, string> => {
  const entry = commands[batch.id(command)]
  if (entry === undefined) return Result.fail(`no command has the id ${batch.id(command)}`)
  return check(
    entry,
    Array.from({ length: batch.argc(command) }, (_, argument) => batch.text(command, argument))
  )
}
