/**
 * Who looks at each command that is executed: the log of slow commands, that of latency, and clients that watch with
 * MONITOR. While nobody does, only the commands that may take long, and a sample of the others, are measured.
 */
import { commands as table, isKey } from "../commands/Commands.ts"
import type { Entry } from "../commands/Entry.ts"
import type { Caller } from "../commands/Execution.ts"
import type { CommandBatch } from "../domain/CommandBatch.ts"
import type { CommandStatistics } from "../store/CommandStatistics.ts"
import type { Instance } from "./Instance.ts"
import { LatencyLog } from "./LatencyLog.ts"
import { quoted } from "./Quoted.ts"
import { shortened, SlowLog } from "./SlowLog.ts"

/** With a threshold below this many µs, any command may be slow. */
const ANY_IS_SLOW = 1000

const REDACTED = "(redacted)"

/** Whether an argument is, or belongs to, a value that is stored: no key of a command that stores any. */
const isValue = (entry: Entry, argument: number, argc: number): boolean =>
  entry.flags.includes("denyoom") && !isKey(entry, argument, argc)

/** A client that watches. */
export interface Watcher {
  readonly link: { readonly push: (bytes: Buffer) => void }
}

/** A command as its client has sent it, but for the case of its name, for secrets, and for values unless they are shown. */
const wordsOf = (
  entry: Entry,
  commands: CommandBatch,
  command: number,
  showsValues: boolean
): ReadonlyArray<string> => {
  const { isSecret, name } = entry
  const argc = commands.argc(command)
  const args = Array.from({ length: argc }, (_, argument) => {
    if (isSecret?.(commands, command, argument) === true) return REDACTED
    if (!showsValues && isValue(entry, argument, argc)) return `(${commands.argLength(command, argument)} bytes)`
    return commands.text(command, argument)
  })
  return [...name.toLowerCase().split("|"), ...args]
}

export class Observation {
  readonly slowLog = new SlowLog()
  readonly latency = new LatencyLog()
  /** Whether values are shown to those who watch, and in the log of slow commands, or only their lengths. */
  showsValues = false
  private readonly watchers = new Set<Watcher>()
  private readonly statistics: CommandStatistics
  private readonly instance: Instance

  constructor(statistics: CommandStatistics, instance: Instance) {
    this.statistics = statistics
    this.instance = instance
    statistics.onMeasured = (commands, command, caller, now, micros) =>
      this.measured(commands, command, caller, now, micros)
  }

  /** Sends every command to a client from now on. */
  watch(watcher: Watcher): void {
    this.watchers.add(watcher)
    this.changed()
  }

  unwatch(watcher: Watcher): void {
    if (this.watchers.delete(watcher)) this.changed()
  }

  isWatching(watcher: Watcher): boolean {
    return this.watchers.has(watcher)
  }

  /** To be called when a threshold was changed. */
  changed(): void {
    const { threshold } = this.slowLog
    this.statistics.measureAll(this.watchers.size > 0 || (threshold >= 0 && threshold < ANY_IS_SLOW))
  }

  private measured(commands: CommandBatch, command: number, caller: Caller, now: number, micros: number): void {
    const entry = table[commands.id(command)]
    if (entry === undefined || entry.protocols.length === 0) return
    // AUTH and HELLO wait for a hash, and longer after each failure, and hold nobody up. In these logs a stranger who guesses
    // would push out what is slow.
    const isTimed = !entry.flags.includes("no_auth")
    const isSlow = isTimed && this.slowLog.isSlow(micros) && !entry.flags.includes("skip_slowlog")
    const isShown = this.watchers.size > 0 && !entry.flags.includes("admin") && !entry.flags.includes("skip_monitor")
    const millis = Math.floor(micros / 1000)
    if (isTimed && this.latency.threshold > 0 && millis >= this.latency.threshold) {
      const event = entry.flags.includes("fast") ? "fast-command" : "command"
      this.latency.add(event, this.seconds(now), millis)
    }
    if (!isSlow && !isShown) return
    const words = wordsOf(entry, commands, command, this.showsValues)
    if (isShown) this.show(words, caller, now)
    if (!isSlow) return
    const { address = "", name = "" } = caller
    this.slowLog.add({ at: this.seconds(now), micros: Math.floor(micros), words: shortened(words), address, name })
  }

  private show(words: ReadonlyArray<string>, caller: Caller, now: number): void {
    const millis = this.instance.unixTime(now)
    const fraction = String((millis % 1000) * 1000).padStart(6, "0")
    const who = `[${caller.database} ${caller.address ?? "unknown"}]`
    const line = `+${Math.floor(millis / 1000)}.${fraction} ${who} ${words.map(quoted).join(" ")}\r\n`
    const bytes = Buffer.from(line, "latin1")
    for (const { link } of this.watchers) link.push(bytes)
  }

  private seconds(now: number): number {
    return Math.floor(this.instance.unixTime(now) / 1000)
  }
}
