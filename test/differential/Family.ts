/**
 * A family of commands for the differential test: how their arguments are made, and how replies that need not be the same
 * are compared. One file in `families/` each, listed in `Families.ts`.
 */
import type { Draw } from "./Draw.ts"

/** Makes the arguments of a command, without its name: valid ones mostly. */
export type Generate = (draw: Draw) => ReadonlyArray<string>

/**
 * Says what is wrong with a reply of ours, in view of Redis's to the same command; nothing if it will do. `words` are the
 * command's. Replies have one character for each byte.
 */
export type Compare = (ours: string, redis: string, words: ReadonlyArray<string>) => string | undefined

export interface Command {
  readonly arguments: Generate
  /** How often it is chosen; 1 if absent. */
  readonly weight?: number
  /** Absent: the replies are the same to the byte. */
  readonly compare?: Compare
  /** Whether arguments may be dropped, added or replaced with nonsense at random; true if absent. */
  readonly isSpoilt?: boolean
}

/** By name, as in the table of commands: a subcommand with an entry of its own is `CLIENT|SETNAME`. */
export type Family = Readonly<Record<string, Command | Generate>>

/** Compares what is not the same from one moment to the next: whole numbers that may differ by so much. */
export const within =
  (bound: number): Compare =>
  (ours, redis) => {
    if (ours === redis) return undefined
    const number = /^:(-?[0-9]+)\r\n$/
    const one = Number(number.exec(ours)?.[1])
    const other = Number(number.exec(redis)?.[1])
    return Math.abs(one - other) <= bound ? undefined : `it differs by more than ${bound}`
  }

/** Compares the replies as sets: the same parts in any order. The parts of an array must be bulk strings. */
export const inAnyOrder: Compare = (ours, redis) => {
  const sorted = (reply: string): string =>
    reply
      .split(/(?=\$)/)
      .toSorted()
      .join("")
  return sorted(ours) === sorted(redis) ? undefined : "the parts differ"
}

/** Compares what has nothing in common but its kind: the type of a reply, and whether it is null. */
const sameKind: Compare = (ours, redis) => {
  const kind = (reply: string): string => (reply.startsWith("$-1") ? "_" : reply.slice(0, 1))
  return kind(ours) === kind(redis) ? undefined : "the kinds of the replies differ"
}

/** Compares what is a server's own, such as its name: the kind is the same, and so is an error. */
export const ownWords: Compare = (ours, redis) =>
  ours === redis || (!redis.startsWith("-") && sameKind(ours, redis, []) === undefined)
    ? undefined
    : "the errors or kinds of the replies differ"
