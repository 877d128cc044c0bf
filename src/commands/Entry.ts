/**
 * The entry of a command in the table of commands. Everything that is true of a command is said once, in its entry.
 * Decoders, help, completion, error messages, counters and documentation are made from it.
 */
import type { CommandBatch } from "../domain/CommandBatch.ts"
import type { Execution } from "./Execution.ts"

/** The rest of a command that would hold up others: it is executed in slices, and others are served between them. */
export interface Slices {
  /** Executes a slice. Returns whether there are more. The last one puts the reply into `execution.sink`. */
  readonly next: (execution: Execution) => boolean
  /** Takes back what was done so far, unless that was all. No slice follows. */
  readonly abandon: () => void
}

/** Executes a command of a batch and puts exactly one reply into `execution.sink`, or returns the slices that do so. */
export type Execute = (execution: Execution, commands: CommandBatch, command: number) => Slices | void

export type Flag =
  /** Changes nothing but the order of use. */
  | "read"
  | "write"
  /** Takes the same time for any number of keys. */
  | "fast"
  /** May need more memory, so it is refused where there is none. */
  | "denyoom"
  /** For whoever runs the server. */
  | "admin"
  /** May be sent before the client has said who it is. */
  | "no_auth"
  /** Is not shown to those who watch all commands. */
  | "skip_monitor"
  /** Is not listed among the slow ones. */
  | "skip_slowlog"
  /** Not for scripts. */
  | "noscript"
  | "loading"
  | "stale"
  /** May be sent while a script runs for too long. */
  | "allow_busy"
  | "pubsub"
  /** Only a server in virtual time accepts it. Usage and help elsewhere leave it out. */
  | "virtual"

/** The wire protocols that can carry a command. */
export type ProtocolName = "text" | "resp"

/** The family of a command, as Redis names them. */
export type Group =
  | "string"
  | "bitmap"
  | "generic"
  | "transactions"
  | "connection"
  | "server"
  | "cluster"
  | "scripting"
  | "pubsub"

/**
 * The arguments that are keys, or values: from `first` to `last`, counted from 0, each `step`-th one (1 if absent). A negative
 * `last` is counted from the end: -1 is the last argument.
 */
export interface KeyPositions {
  readonly first: number
  readonly last: number
  readonly step?: number | undefined
}

/** The counter of a command's executions in the statistics. */
export type Counter = "puts" | "gets" | "deletes" | "existences" | "flushes"

/** A word that chooses one of several actions of a command. */
export interface Subcommand {
  readonly name: string
  /** Its arguments, as people see them. */
  readonly args: ReadonlyArray<string>
  readonly summary: string
  readonly arity: Arity
}

/**
 * The bounds of the number of arguments; `max` may be infinite. A command's name does not count. The name of one of
 * `subcommands` does, but not that of a subcommand with an entry of its own.
 */
export interface Arity {
  readonly min: number
  readonly max: number
}

export interface Entry {
  /**
   * In capitals. Clients may write it in any case. A subcommand with an entry of its own has both names, as in
   * `CLIENT|SETNAME`; its arguments begin behind the second one.
   */
  readonly name: string
  readonly group: Group
  /** The version of Redis that first had the command; this project's own have none. */
  readonly since?: string | undefined
  /** The protocols that have the command. If there are none, only the server itself uses it. */
  readonly protocols: ReadonlyArray<ProtocolName>
  readonly arity: Arity
  readonly keys?: KeyPositions | undefined
  /** The arguments that become values as they are. Long ones of a transaction are written before it is executed. */
  readonly values?: KeyPositions | undefined
  readonly flags: ReadonlyArray<Flag>
  /** The whole command, as people see it. */
  readonly usage: string
  /** One line on what the command does. */
  readonly summary: string
  /** What it does concerns more than the keys that it names. `admin` implies it. */
  readonly isDangerous?: boolean | undefined
  /** How its time grows, such as `O(N) with N being the number of keys`; `O(1)` if absent. */
  readonly complexity?: string | undefined
  /**
   * Whether an argument is a secret, which is shown to nobody. Absent if none is. Arguments are counted from 0.
   */
  readonly isSecret?: ((commands: CommandBatch, command: number, argument: number) => boolean) | undefined
  /** Further lines, for people who ask for help with the command. */
  readonly details: ReadonlyArray<string>
  readonly subcommands?: ReadonlyArray<Subcommand> | undefined
  /** What to say where too many words are likely to be one value with spaces. */
  readonly onSpaces?: string | undefined
  readonly counter?: Counter | undefined
  /**
   * Turns the right number of arguments into the input of the Schema in `domain/Command.ts`. Absent if the typed faces do
   * not have the command.
   */
  readonly toInput?: ((args: ReadonlyArray<string>) => unknown) | undefined
  /**
   * Absent if the command concerns the connection, the clock or the whole server instead of the stored keys. Such a
   * command ends its batch and is executed by the owner of what it concerns.
   */
  readonly execute?: Execute | undefined
}

/** Reads decimal digits only. JavaScript also accepts `1e3`, `+5` and `0x10`, but the wire does not. */
export const parseDigits = (text: string): number => (/^[0-9]+$/.test(text) ? Number(text) : Number.NaN)

export const parseDecimal = (text: string): number => (/^[0-9]+(?:\.[0-9]+)?$/.test(text) ? Number(text) : Number.NaN)
