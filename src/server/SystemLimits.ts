/**
 * The system's limits for this process, and the settings that do not fit into them.
 *
 * This file only reports. It changes no setting, because limits may be raised while the server runs, and a server often
 * needs less than its settings allow.
 */
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Context from "effect/Context"
import * as Result from "effect/Result"
import { MAX_KEY_LENGTH, MAX_VALUE_LENGTH } from "../domain/Command.ts"
import { entryBytes } from "../engine/Engine.ts"
import type { Settings } from "./ServerConfig.ts"

export interface SystemLimits {
  /** The most file descriptors. Nothing if unknown or unlimited. */
  readonly descriptors: number | undefined
  /** The most memory of this process and its control group, in bytes. Nothing if unlimited. */
  readonly memory: number | undefined
}

/** At its start Node raises the soft limit to the hard one. Only Linux has a file that says which one is in force. */
const descriptorLimit = (): number | undefined => {
  const limits = Result.getOrElse(
    Result.try(() => Fs.readFileSync("/proc/self/limits", "utf8")),
    () => ""
  )
  const [, soft] = /^Max open files +([0-9]+)/m.exec(limits) ?? []
  return soft === undefined ? undefined : Number(soft)
}

/** The limit of the control group (version 1 or 2). Without a limit, Node says 0 or a number beyond all memory. */
const memoryLimit = (): number | undefined => {
  const bytes = process.constrainedMemory()
  return bytes > 0 && bytes < Os.totalmem() ? bytes : undefined
}

/** The limits of this process. */
export const CurrentSystemLimits = Context.Reference<SystemLimits>("effect-kv-cache/server/CurrentSystemLimits", {
  defaultValue: () => ({ descriptors: descriptorLimit(), memory: memoryLimit() })
})

/** Descriptors for Node itself, the listening socket and the log. Redis sets aside as many. */
const OTHER_DESCRIPTORS = 32

const MB = 2 ** 20

/** Memory of the process besides entries and clients: Node and the program. */
const OTHER_MEMORY = 100 * MB

/** Entries hold more memory than they take, because memory comes in pages and grows in steps. */
const HELD_FOR_TAKEN = 1.15

const inMegabytes = (bytes: number): string => `${Math.floor(bytes / MB)}mb`

/** The most memory that entries take, and the setting that says so. */
const entries = ({ engine, maxKeys, maxMemory, nearMemory }: Settings): readonly [setting: string, bytes: number] =>
  engine === undefined
    ? ["--max-memory", maxMemory ?? maxKeys * entryBytes(MAX_KEY_LENGTH, MAX_VALUE_LENGTH, true)]
    : ["--near-memory", nearMemory]

const memoryComplaint = (settings: Settings, limit: number): string | undefined => {
  const { engine, maxClientMemory, maxKeys, maxMemory } = settings
  const [setting, taken] = entries(settings)
  const others = maxClientMemory + OTHER_MEMORY
  if (taken * HELD_FOR_TAKEN + others <= limit) return undefined
  const what =
    engine === undefined && maxMemory === undefined
      ? `without ${setting}, ${maxKeys} keys (--max-keys) can take ${inMegabytes(taken)}, which does`
      : `${setting} is ${inMegabytes(taken)}, which does`
  const fitting = (limit - others) / HELD_FOR_TAKEN
  const advice =
    fitting < MB ? "raise that limit" : `set ${setting} to at most ${inMegabytes(fitting)}, or raise that limit`
  return `${what} not fit into the memory limit of ${inMegabytes(limit)} of the container or control group: ${advice}`
}

const descriptorComplaint = ({ maxConnections }: Settings, limit: number): string | undefined =>
  maxConnections + OTHER_DESCRIPTORS <= limit
    ? undefined
    : `the limit of open files is ${limit}, too few for ${maxConnections} clients (--max-connections): ` +
      "surplus clients are closed without an answer; raise it (ulimit -n, LimitNOFILE= of systemd, ulimits of Docker), " +
      "or lower --max-connections"

/** A sentence for each setting that does not fit into what the system allows. */
export const complaints = (settings: Settings, { descriptors, memory }: SystemLimits): ReadonlyArray<string> =>
  [
    descriptors === undefined ? undefined : descriptorComplaint(settings, descriptors),
    memory === undefined ? undefined : memoryComplaint(settings, memory)
  ].filter((complaint) => complaint !== undefined)
