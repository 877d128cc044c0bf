/**
 * Reads the arguments of a command from its usage, as COMMAND DOCS shows them to clients that complete and hint. Words in
 * capitals are written as they are, others stand for values; `[a]` may be left out, of `<a | b>` one is chosen, and
 * `[a ...]` repeats what is before it.
 */

export interface Argument {
  readonly name: string
  readonly type: "key" | "string" | "integer" | "double" | "unix-time" | "pattern" | "pure-token" | "oneof" | "block"
  /** The word before the value, or in its place. */
  readonly token?: string | undefined
  readonly isOptional?: boolean | undefined
  readonly isMultiple?: boolean | undefined
  /** The word is repeated, too. */
  readonly isTokenMultiple?: boolean | undefined
  readonly arguments?: ReadonlyArray<Argument> | undefined
}

const INTEGERS: ReadonlySet<string> = new Set(
  "seconds milliseconds ms count decrement increment index offset start end start stop timeout protover numkeys db bit client-id sec".split(
    " "
  )
)

const typeOf = (name: string): Argument["type"] => {
  if (/^(?:new|dest|src)?keys?\d*$|^source$|^destination$/.test(name)) return "key"
  if (name.startsWith("unix-time")) return "unix-time"
  if (name === "pattern") return "pattern"
  return INTEGERS.has(name) ? "integer" : "string"
}

/** The arguments in a usage, which begins with the command's own words. */
export const argumentsOf = (usage: string, words: number): ReadonlyArray<Argument> => {
  const tokens = usage.match(/\.\.\.|[[\]<>|]|[^\s[\]<>|]+/g) ?? []
  let at = words

  /** Reads alternatives up to a closing bracket or the end. */
  const alternatives = (): Argument => {
    const all: Array<Argument> = []
    do {
      all.push(blockOf(sequence()))
    } while (tokens[at] === "|" && at++ >= 0)
    const [first] = all
    return all.length === 1 && first !== undefined
      ? first
      : { name: all.map(({ name }) => name).join("-"), type: "oneof", arguments: all }
  }

  const sequence = (): ReadonlyArray<Argument> => {
    const all: Array<Argument> = []
    while (at < tokens.length && !["|", "]", ">"].includes(tokens[at] ?? "")) {
      const token = tokens[at++] ?? ""
      if (token === "...") continue
      if (token === "[" || token === "<") {
        const open = at
        const inner = alternatives()
        const isRepeated = tokens[at - 1] === "..."
        at++
        if (isRepeated) repeat(all, inner, tokens[open] ?? "")
        else all.push(token === "[" ? { ...inner, isOptional: true } : inner)
      } else if (isCapital(token)) all.push(afterToken(token))
      else all.push({ name: token, type: typeOf(token) })
    }
    return all
  }

  /** What a word in capitals comes before, or the word itself. */
  const afterToken = (token: string): Argument => {
    const next = tokens[at]
    if (next === "<") {
      at++
      const value = alternatives()
      at++
      return { ...value, token }
    }
    if (next === undefined || !/^[a-z]/.test(next)) return { name: token.toLowerCase(), type: "pure-token", token }
    at++
    return { name: next, type: typeOf(next), token }
  }

  return sequence()
}

const isCapital = (token: string): boolean => /^[A-Z*#][A-Z0-9*#-]*$/.test(token)

const blockOf = (all: ReadonlyArray<Argument>): Argument => {
  const [first] = all
  return all.length === 1 && first !== undefined
    ? first
    : { name: all.map(({ name }) => name).join("-"), type: "block", arguments: all }
}

/** Makes the last arguments those that may be given many times: as many as there are in `inner`. */
const repeat = (all: Array<Argument>, inner: Argument, first: string): void => {
  const last = blockOf(all.splice(-(inner.type === "block" ? (inner.arguments?.length ?? 1) : 1)))
  all.push({ ...last, isMultiple: true, isTokenMultiple: last.token !== undefined && first === last.token })
}
