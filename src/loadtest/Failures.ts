/**
 * How requests fail, and the words that came with it: which messages a thread received, and how often. It is not a
 * log: of messages that differ only in their numbers there is one, and what is kept is bounded, whatever a server says.
 */

/** How a request can fail. */
export type Failure = "timeout" | "closed" | "refused" | "wrong_value" | "malformed_reply"

/** A message and how many requests failed with it. A `#` stands for a word that was not always the same. */
export interface FailureMessage {
  readonly kind: Failure
  readonly message: string
  readonly count: number
}

/** As many different messages of a kind are counted. Requests that fail with further ones are in no message's count. */
const MOST_DISTINCT = 64

/** As many messages of a kind are reported. */
const MOST_REPORTED = 5

/** In characters. Longer messages are cut. */
const MAX_LENGTH = 200

/** What may differ between two messages that mean the same: an address, a slot, an identifier. */
const VARIABLE = /#|\w*\d\w*/g

interface Tally {
  /** The message, split at its variable words. These are at the odd indices. */
  readonly parts: Array<string>
  count: number
}

export class Failures {
  private readonly kinds = new Map<Failure, Map<string, Tally>>()
  // A server in trouble says the same again and again. The last message is found without taking it apart.
  private last: Tally | undefined
  private lastKind: Failure | undefined
  private lastMessage = ""

  /** Counts a message, for several requests at once if they have failed together. */
  add(kind: Failure, message: string, count = 1): void {
    if (this.last === undefined || kind !== this.lastKind || message !== this.lastMessage) {
      this.last = this.find(kind, message)
      this.lastKind = kind
      this.lastMessage = message
    }
    if (this.last !== undefined) this.last.count += count
  }

  /** All messages, as plain data that can be sent to another thread. */
  get messages(): ReadonlyArray<FailureMessage> {
    return [...this.kinds].flatMap(([kind, tallies]) =>
      Array.from(tallies.values(), ({ count, parts }) => ({ kind, message: parts.join(""), count }))
    )
  }

  private find(kind: Failure, message: string): Tally | undefined {
    const parts = partsOf(message.length > MAX_LENGTH ? `${message.slice(0, MAX_LENGTH - 1)}…` : message)
    const shape = parts.map((part, index) => (index % 2 === 1 ? "#" : part)).join("")
    const tallies = this.kinds.get(kind) ?? new Map<string, Tally>()
    this.kinds.set(kind, tallies)
    const tally = tallies.get(shape)
    if (tally !== undefined) {
      parts.forEach((part, index) => {
        if (tally.parts[index] !== part) tally.parts[index] = "#"
      })
      return tally
    }
    if (tallies.size >= MOST_DISTINCT) return undefined
    const added = { parts, count: 0 }
    tallies.set(shape, added)
    return added
  }
}

const partsOf = (message: string): Array<string> => {
  const parts: Array<string> = []
  let at = 0
  for (const match of message.matchAll(VARIABLE)) {
    parts.push(message.slice(at, match.index), match[0])
    at = match.index + match[0].length
  }
  return [...parts, message.slice(at)]
}

/** The most frequent messages of each kind in several threads together, the most frequent first. */
export const mostFrequent = (threads: ReadonlyArray<ReadonlyArray<FailureMessage>>): ReadonlyArray<FailureMessage> => {
  const all = new Failures()
  for (const { count, kind, message } of threads.flat()) all.add(kind, message, count)
  const reported = new Map<Failure, number>()
  return all.messages
    .toSorted((a, b) => b.count - a.count)
    .filter(({ kind }) => {
      const before = reported.get(kind) ?? 0
      reported.set(kind, before + 1)
      return before < MOST_REPORTED
    })
}
