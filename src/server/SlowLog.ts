/**
 * SLOWLOG: the commands that took longest of late. It keeps what it is given, as Redis does: of a command at most 32
 * words, and of a word at most 128 bytes.
 */

const MOST_WORDS = 32
const MOST_BYTES = 128

export interface SlowCommand {
  /** Counted from 0, for as long as the server runs. */
  readonly id: number
  /** Unix time, in seconds. */
  readonly at: number
  readonly micros: number
  /** One character for each byte. */
  readonly words: ReadonlyArray<string>
  readonly address: string
  readonly name: string
}

/** The words of a command as they are kept. */
export const shortened = (words: ReadonlyArray<string>): ReadonlyArray<string> => {
  const isLong = words.length > MOST_WORDS
  const kept = (isLong ? words.slice(0, MOST_WORDS - 1) : words).map((word) =>
    word.length > MOST_BYTES ? `${word.slice(0, MOST_BYTES)}... (${word.length - MOST_BYTES} more bytes)` : word
  )
  return isLong ? [...kept, `... (${words.length - MOST_WORDS + 1} more arguments)`] : kept
}

export class SlowLog {
  /** Commands that take at least so many µs are kept; none if it is negative. */
  threshold = 10_000
  private mostKept = 128
  private nextId = 0
  // The newest first.
  private kept: Array<SlowCommand> = []

  get mostEntries(): number {
    return this.mostKept
  }

  set mostEntries(count: number) {
    this.mostKept = count
    this.kept.length = Math.min(this.kept.length, count)
  }

  get length(): number {
    return this.kept.length
  }

  /** The newest, at most so many. */
  newest(count: number): ReadonlyArray<SlowCommand> {
    return this.kept.slice(0, count)
  }

  isSlow(micros: number): boolean {
    return this.threshold >= 0 && micros >= this.threshold
  }

  add(entry: Omit<SlowCommand, "id">): void {
    this.kept.unshift({ id: this.nextId++, ...entry })
    if (this.kept.length > this.mostKept) this.kept.length = this.mostKept
  }

  reset(): void {
    this.kept = []
  }
}
