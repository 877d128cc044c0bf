/** Says what is wrong with the number of a command's arguments, for people. */
import type { Arity, Entry } from "./Entry.ts"

const either = new Intl.ListFormat("en", { type: "disjunction" })

const within = ({ max, min }: Arity, count: number): boolean => count >= min && count <= max

/**
 * The message for a wrong number of arguments, or `undefined` if the number is right. The first argument may choose a
 * subcommand.
 */
export const wrongCount = (entry: Entry, count: number, first: string): string | undefined => {
  const { arity, name, subcommands, onSpaces, usage } = entry
  if (subcommands === undefined) {
    if (within(arity, count)) return undefined
    const hint = onSpaces !== undefined && count > arity.max ? `; ${onSpaces}` : ""
    return `wrong number of arguments: usage ${usage}${hint}`
  }
  const subcommand = subcommands.find((each) => each.name === first.toUpperCase())
  return subcommand !== undefined && within(subcommand.arity, count - 1)
    ? undefined
    : `wrong arguments: usage ${either.format(subcommands.map((each) => [name, each.name, ...each.args].join(" ")))}`
}
