/**
 * Starts every process of the benchmark and ends it by its pid. Whatever still runs when the benchmark ends is ended
 * too, however the benchmark ends.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { dirname, join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

const running = new Set<ChildProcess>()

let warden: ChildProcess | undefined

/** The process that ends what is left if this one is killed. */
const tellWarden = (pid: number): void => {
  warden ??= spawn(process.execPath, [bundled("warden")], { stdio: ["pipe", "ignore", "ignore"] })
  warden.unref()
  warden.stdin?.write(`${pid}\n`)
}

process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL")
})
// When this process ends, the warden ends the others.
process.on("SIGINT", () => process.exit(130))
process.on("SIGTERM", () => process.exit(143))
process.on("SIGHUP", () => process.exit(129))

/** The bundled program of this name. All of them lie in one folder. */
export const bundled = (name: string): string => {
  const here = dirname(fileURLToPath(import.meta.url))
  return join(here.endsWith("shared") ? dirname(here) : here, `${name}.mjs`)
}

/** A running process, and the last part of its stderr. */
export interface Started {
  readonly child: ChildProcess
  readonly pid: number
  readonly lastWords: () => string
}

const KEPT_STDERR = 2000

/** Starts a program. Its stdin is closed when the benchmark ends. */
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
  // The process may be gone by the time its input is closed.
  child.stdin.on("error", () => {})
  let words = ""
  child.stderr.setEncoding("utf8").on("data", (text: string) => (words = (words + text).slice(-KEPT_STDERR)))
  return { child, pid, lastWords: () => words.trim() }
}

/** How long a process may take to end by itself, in ms. */
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

/** One of the benchmark's own programs. It takes one JSON argument and answers in lines of JSON. */
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

  /** The next line that it prints, within `seconds`. */
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

  /** Asks it to end, by closing its input. */
  release(): void {
    this.process.child.stdin?.end()
  }

  stop(): Promise<void> {
    return stop(this.process)
  }
}

/** Runs a helper that gives one answer. */
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
