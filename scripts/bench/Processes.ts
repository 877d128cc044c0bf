/**
 * Every process that the benchmark starts, and their end: by pid, when they are done with, and all that are left when
 * the benchmark ends, however it ends.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { dirname, join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

const running = new Set<ChildProcess>()

let warden: ChildProcess | undefined

/** Ends what is left where this process is killed and cannot. */
const tellWarden = (pid: number): void => {
  warden ??= spawn(process.execPath, [bundled("warden")], { stdio: ["pipe", "ignore", "ignore"] })
  warden.unref()
  warden.stdin?.write(`${pid}\n`)
}

process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL")
})
// Ending the process is what ends the others.
process.on("SIGINT", () => process.exit(130))
process.on("SIGTERM", () => process.exit(143))
process.on("SIGHUP", () => process.exit(129))

/** The bundled program of this name: all of them are in one folder. */
export const bundled = (name: string): string => {
  const here = dirname(fileURLToPath(import.meta.url))
  return join(here.endsWith("shared") ? dirname(here) : here, `${name}.mjs`)
}

/** A process that was started, and the last words of its stderr. */
export interface Started {
  readonly child: ChildProcess
  readonly pid: number
  readonly lastWords: () => string
}

const KEPT_STDERR = 2000

/** Starts a program. It hears on its stdin when the benchmark ends, if it listens. */
export const start = (file: string, args: ReadonlyArray<string>): Started => {
  const child = spawn(file, args, { stdio: ["pipe", "pipe", "pipe"] })
  const pid = child.pid ?? 0
  if (pid !== 0) {
    running.add(child)
    tellWarden(pid)
    child.on("exit", () => tellWarden(-pid))
    child.on("close", () => running.delete(child))
  }
  child.on("error", () => {})
  // It may be gone when its input is closed.
  child.stdin.on("error", () => {})
  let words = ""
  child.stderr.setEncoding("utf8").on("data", (text: string) => (words = (words + text).slice(-KEPT_STDERR)))
  return { child, pid, lastWords: () => words.trim() }
}

/** ms that a process has to end by itself. */
const GRACE = 5000

/** Ends a process and waits until it is gone. */
export const stop = async ({ child }: Started): Promise<void> => {
  if (!running.has(child)) return
  const gone = once(child, "close")
  const timer = setTimeout(() => child.kill("SIGKILL"), GRACE)
  child.kill("SIGTERM")
  await gone
  clearTimeout(timer)
}

/** One of the benchmark's own programs: it is given one JSON argument, and answers in lines of JSON. */
export class Helper {
  private readonly name: string
  private readonly process: Started
  private readonly lines: AsyncIterator<string>

  constructor(name: string, options: object, nodeFlags: ReadonlyArray<string> = []) {
    this.name = name
    this.process = start(process.execPath, [...nodeFlags, bundled(name), JSON.stringify(options)])
    const { stdout } = this.process.child
    if (stdout === null) throw new Error(`${name} has no output`)
    this.lines = createInterface({ input: stdout })[Symbol.asyncIterator]()
  }

  /** What it says next, within `seconds`. */
  async next<Message>(seconds: number): Promise<Message> {
    const parse: (text: string) => Message = JSON.parse
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      this.process.child.kill("SIGKILL")
    }, seconds * 1000)
    const line = await this.lines.next()
    clearTimeout(timer)
    if (line.done !== true) return parse(line.value)
    throw new Error(`${this.name}: ${isLate ? `no answer within ${seconds} s` : this.process.lastWords()}`)
  }

  /** Closes its input: it is to come to its end. */
  release(): void {
    this.process.child.stdin?.end()
  }

  stop(): Promise<void> {
    return stop(this.process)
  }
}

/** Runs a helper to its one answer. */
export const ask = async <Answer>(
  name: string,
  options: object,
  seconds: number,
  nodeFlags: ReadonlyArray<string> = []
): Promise<Answer> => {
  const helper = new Helper(name, options, nodeFlags)
  try {
    return await helper.next<Answer>(seconds)
  } finally {
    await helper.stop()
  }
}
