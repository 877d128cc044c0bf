/**
 * What the table of commands says of one command. All that is true of a command is said in its entry, once: decoders,
 * help, completion, error messages, counters and documentation are made from it.
 */
import type { CommandBatch } from "../domain/CommandBatch.ts"
import type { Execution } from "./Execution.ts"

/** Executes a command of a batch and puts its reply, one, into `execution.sink`. */
export type Execute = (execution: Execution, commands: CommandBatch, command: number) => void

export type Flag =
  /** Changes nothing but the order of use. */
  | "read"
  | "write"
  /** Takes the same time whatever the number of keys. */
  | "fast"
  /** Only a server whose time is virtual takes it: neither usage nor help of others know it. */
  | "virtual"

/** The wire protocols that a command can be given in. */
export type ProtocolName = "text"

/** Which arguments are keys: from `first` to `last`, counted from 0. */
export interface KeyPositions {
  readonly first: number
  readonly last: number
}

/** What executions are counted as, in statistics. */
export type Counter = "puts" | "gets" | "deletes" | "existences" | "flushes"

/** A word that says which of several things a command does. */
export interface Subcommand {
  readonly name: string
  /** Its arguments, as shown to a person. */
  readonly args: ReadonlyArray<string>
  readonly summary: string
  readonly arity: Arity
}

/** How many arguments there may be. A command's name is none, a subcommand's is one of its command's. */
export interface Arity {
  readonly min: number
  readonly max: number
}

export interface Entry {
  /** In capitals; clients may write it as they like. */
  readonly name: string
  /** The protocols in which it exists. One that exists in none is the server's own. */
  readonly protocols: ReadonlyArray<ProtocolName>
  readonly arity: Arity
  readonly keys?: KeyPositions | undefined
  readonly flags: ReadonlyArray<Flag>
  /** The whole command, as shown to a person. */
  readonly usage: string
  /** What it does, in one line. */
  readonly summary: string
  /** Further lines for a person who asks. */
  readonly details: ReadonlyArray<string>
  readonly subcommands?: ReadonlyArray<Subcommand> | undefined
  /** What of it cannot hold spaces, such as `values`, where to think so is a likely mistake. */
  readonly unspaced?: string | undefined
  readonly counter?: Counter | undefined
  /** Arguments in the right number as what the Schema of `domain/Command.ts` is to check. */
  readonly toInput: (args: ReadonlyArray<string>) => unknown
  /**
   * Absent where a command concerns the connection, the clock or the server as a whole, and not what is stored. Such a
   * command ends its batch, and who owns what it concerns executes it.
   */
  readonly execute?: Execute | undefined
}

/** Decimal digits only: `1e3`, `+5` and `0x10` are numbers to JavaScript, but not on a wire. */
export const parseDigits = (text: string): number => (/^[0-9]+$/.test(text) ? Number(text) : Number.NaN)

export const parseDecimal = (text: string): number => (/^[0-9]+(?:\.[0-9]+)?$/.test(text) ? Number(text) : Number.NaN)
