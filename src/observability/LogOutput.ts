/**
 * Where log lines are written: a place that may be slow, full or gone, which is the log's trouble and nobody else's.
 *
 * `write` neither fails nor waits. What cannot be written at once is held, up to a bound; what is beyond it, and what the
 * system refuses, is lost and counted. It knows nothing of levels or formats: those are said in `Logging.ts`.
 */
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"

/** Writes a text, and then says whether all of it was written. It is not called again before it has. */
export type Write = (text: string, done: (error: Error | null | undefined) => void) => void

/** Characters of lines that are held for a reader that is slow, those of the write under way included. */
const HELD_CHARACTERS = 1024 * 1024

/** Characters that are handed over in one write, where there are so many: what a pipe takes at once. */
const WRITE_CHARACTERS = 64 * 1024

export class LogOutput {
  private readonly writeText: Write
  private readonly lines: Array<string> = []
  // Characters of `lines` and of the write under way.
  private held = 0
  private isWriting = false
  private lostLines = 0
  // How many of the lost lines `recovered` has told of.
  private toldLines = 0
  private onSettled = doNothing
  private onRecovered = doNothing

  constructor(writeText: Write) {
    this.writeText = writeText
  }

  /** Lines that could not be written, since the start. */
  get lost(): number {
    return this.lostLines
  }

  /** Writes a line, as soon as those before it are written. */
  write(line: string): void {
    const length = line.length + 1
    if (this.held + length > HELD_CHARACTERS) {
      this.lostLines++
      return
    }
    this.held += length
    this.lines.push(line)
    if (!this.isWriting) this.writeNext()
  }

  /** Completes when nothing is held any more. */
  get settled(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (!this.isWriting) return resume(Effect.void)
      this.onSettled = () => resume(Effect.void)
    })
  }

  /** Completes when all that was held has been written after lines were lost: how many of them were not told yet. */
  get recovered(): Effect.Effect<number> {
    return Effect.callback((resume) => {
      this.onRecovered = () => {
        this.onRecovered = doNothing
        const count = this.lostLines - this.toldLines
        this.toldLines = this.lostLines
        resume(Effect.succeed(count))
      }
    })
  }

  private writeNext(): void {
    let count = 0
    let length = 0
    for (const line of this.lines) {
      if (count > 0 && length + line.length >= WRITE_CHARACTERS) break
      length += line.length + 1
      count++
    }
    this.isWriting = true
    this.writeText(`${this.lines.splice(0, count).join("\n")}\n`, (error) => {
      this.held -= length
      this.isWriting = false
      if (Predicate.isNotNullish(error)) this.lostLines += count
      if (this.lines.length > 0) return this.writeNext()
      // There is room now for a line that says so.
      if (Predicate.isNullish(error) && this.lostLines > this.toldLines) this.onRecovered()
      if (!this.isWriting) this.onSettled()
    })
  }
}

/**
 * Writes to a pipe, a socket or a terminal. Node keeps what they do not take at once, and waits for none of them but a
 * terminal, which Ctrl-S stops: it is told not to, by a method of its handle that is no public one.
 */
const toStream = (stream: Net.Socket): Write => {
  const handle: unknown = Reflect.get(stream, "_handle")
  if (Predicate.hasProperty(handle, "setBlocking") && typeof handle.setBlocking === "function") {
    handle.setBlocking(false)
  }
  return (text, done) => void stream.write(text, done)
}

/**
 * Writes to a file, by a thread of libuv's: a disk may be slow. What is not a file may not be written so, as the process
 * could not end while such a thread waits for a reader.
 */
export const toFile = (descriptor: number): Write => {
  // The last line that the disk had no room for may have been written in part.
  let isTorn = false
  return (text, done) => {
    const bytes = Buffer.from(isTorn ? `\n${text}` : text)
    const writeFrom = (offset: number): void =>
      Fs.write(descriptor, bytes, offset, bytes.length - offset, null, (error, written) => {
        if (error !== null) {
          isTorn ||= offset > 0
          done(error)
        } else if (offset + written < bytes.length) {
          writeFrom(offset + written)
        } else {
          isTorn = false
          done(null)
        }
      })
    writeFrom(0)
  }
}

const STDERR = 2

/** Output on stderr, as stdout belongs to what a command prints. */
const onStderr = (): LogOutput =>
  new LogOutput(process.stderr instanceof Net.Socket ? toStream(process.stderr) : toFile(STDERR))

/** Where the log is written. */
export const CurrentLogOutput = Context.Reference<LogOutput>("effect-kv-cache/observability/CurrentLogOutput", {
  defaultValue: onStderr
})

const doNothing = (): void => {}
