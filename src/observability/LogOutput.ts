/**
 * Writes log lines to a place that may be slow, full or gone. That must be nobody's trouble but the log's.
 *
 * `write` neither fails nor waits. Lines that cannot be written at once are held, up to a bound. Lines beyond it, and
 * lines that the system refuses, are lost and counted. Levels and formats are in `Logging.ts`.
 */
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"

/** Writes a text, then reports whether all of it was written. It is not called again before that. */
export type Write = (text: string, done: (error: Error | null | undefined) => void) => void

/** How many characters are held for a slow reader, including the write under way. */
const HELD_CHARACTERS = 1024 * 1024

/** The most characters of one write: as many as a pipe takes at once. */
const WRITE_CHARACTERS = 64 * 1024

export class LogOutput {
  private readonly writeText: Write
  private readonly lines: Array<string> = []
  // Characters of `lines` and of the write under way.
  private held = 0
  private isWriting = false
  private lostLines = 0
  // How many of the lost lines `recovered` has reported.
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

  /** Writes a line as soon as the lines before it are written. */
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

  /**
   * Completes when, after a loss, all held lines have been written. Gives how many lost lines were not yet reported.
   */
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
      // Now there is room for a line that reports it.
      if (Predicate.isNullish(error) && this.lostLines > this.toldLines) this.onRecovered()
      if (!this.isWriting) this.onSettled()
    })
  }
}

/**
 * Writes to a pipe, a socket or a terminal. Node keeps what they do not take at once. It waits only for a terminal,
 * which Ctrl-S stops. A method of the terminal's handle, which is not public, turns that off.
 */
const toStream = (stream: Net.Socket): Write => {
  const handle: unknown = Reflect.get(stream, "_handle")
  if (Predicate.hasProperty(handle, "setBlocking") && typeof handle.setBlocking === "function") {
    handle.setBlocking(false)
  }
  return (text, done) => void stream.write(text, done)
}

/**
 * Writes to a file in a thread of libuv, because a disk may be slow. Only files may be written like this: the process
 * could not end while such a thread waits for a reader.
 */
export const toFile = (descriptor: number): Write => {
  // When the disk was full, the last line may have been written in part.
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

/** The output on stderr, because stdout belongs to what a command prints. */
const onStderr = (): LogOutput =>
  new LogOutput(process.stderr instanceof Net.Socket ? toStream(process.stderr) : toFile(STDERR))

/** Where the log is written. */
export const CurrentLogOutput = Context.Reference<LogOutput>("effect-kv-cache/observability/CurrentLogOutput", {
  defaultValue: onStderr
})

const doNothing = (): void => {}
