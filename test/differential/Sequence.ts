/** A random sequence of commands on a few connections: the same for the same seed. */
import { commandsOf } from "../../src/commands/Commands.ts"
import type { RespVersion } from "../../src/protocol/resp/RespReplyWriter.ts"
import { type Draw, draw as drawOf, NO_NUMBERS } from "./Draw.ts"
import { families } from "./Families.ts"
import type { Command, Compare } from "./Family.ts"
import { leftOut } from "./LeftOut.ts"

export interface Step {
  /** On which connection it is sent, counted from 0. */
  readonly connection: number
  readonly words: ReadonlyArray<string>
  readonly compare: Compare
}

export interface Sequence {
  /** The version of the protocol that each connection speaks. */
  readonly versions: ReadonlyArray<RespVersion>
  readonly steps: ReadonlyArray<Step>
}

const CONNECTIONS = 3
/** So many commands at most go out on one connection before another one's turn. */
const MOST_AT_ONCE = 300

const identical: Compare = (ours, redis) => (ours === redis ? undefined : "the replies differ")

const table = commandsOf("resp")

const isThere = (name: string): boolean => table.has(name)

/** The commands of the table that can be generated, by name. */
const commands: ReadonlyArray<readonly [name: string, command: Command]> = families.flatMap((family) =>
  Object.entries(family)
    .filter(([name]) => isThere(name))
    .map(([name, command]): readonly [string, Command] => [
      name,
      typeof command === "function" ? { arguments: command } : command
    ])
)

/** The names of those that no family generates, without a reason for it. */
export const missing: ReadonlyArray<string> = [...table.keys()].filter(
  (name) => leftOut[name] === undefined && !commands.some(([known]) => known === name)
)

/** One command as often as its weight says. */
const urn: ReadonlyArray<readonly [name: string, command: Command]> = commands.flatMap((entry) =>
  Array.from({ length: entry[1].weight ?? 1 }, () => entry)
)

/** Drops, adds or replaces an argument. */
const spoil = (draw: Draw, args: ReadonlyArray<string>): ReadonlyArray<string> => {
  const at = draw.below(args.length + 1)
  const nonsense = draw.chance(0.2)
    ? draw.pick(["9223372036854775807", "-1", "-9223372036854775808"])
    : draw.pick(NO_NUMBERS)
  return draw.pick([
    [...args.slice(0, at), ...args.slice(at + 1)],
    [...args.slice(0, at), nonsense, ...args.slice(at)],
    [...args.slice(0, at), nonsense, ...args.slice(at + 1)]
  ])
}

export const sequence = (seed: number, length: number): Sequence => {
  const draw = drawOf(seed)
  const steps: Array<Step> = []
  while (steps.length < length) {
    const connection = draw.below(CONNECTIONS)
    const count = Math.min(length - steps.length, draw.chance(0.5) ? 1 + draw.below(5) : 1 + draw.below(MOST_AT_ONCE))
    for (let sent = 0; sent < count; sent++) {
      const [name, command] = urn[draw.below(urn.length)] ?? ["PING", { arguments: () => [] }]
      const args = command.arguments(draw)
      const isSpoilt = command.isSpoilt !== false && draw.chance(0.03)
      steps.push({
        connection,
        words: [...name.split("|").map(draw.word), ...(isSpoilt ? spoil(draw, args) : args)],
        compare: command.compare ?? identical
      })
    }
  }
  const versions = Array.from({ length: CONNECTIONS }, (): RespVersion =>
    draw.chance(0.5) && isThere("HELLO") ? 3 : 2
  )
  return { versions, steps }
}
