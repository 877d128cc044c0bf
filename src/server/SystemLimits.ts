/**
 * What the system allows this process, and what of the settings does not fit into it.
 *
 * It says so, and changes nothing: the system's limits may be raised while the server runs, and are often wider than what
 * is needed.
 */
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Context from "effect/Context"
import * as Result from "effect/Result"
import { MAX_KEY_LENGTH, MAX_VALUE_LENGTH } from "../domain/Command.ts"
import { entryBytes } from "../store/PackedKeyspace.ts"
import type { Settings } from "./ServerConfig.ts"

export interface SystemLimits {
  /** The most file descriptors; nothing where it is not known or there is no limit. */
  readonly descriptors: number | undefined
  /** The most memory of this process and those of its control group, in bytes; nothing where there is no limit. */
  readonly memory: number | undefined
}

/** Node raises the soft limit to the hard one when it starts. Only Linux tells in a file which one is in force. */
const descriptorLimit = (): number | undefined => {
  const limits = Result.getOrElse(
    Result.try(() => Fs.readFileSync("/proc/self/limits", "utf8")),
    () => ""
  )
  const [, soft] = /^Max open files +([0-9]+)/m.exec(limits) ?? []
  return soft === undefined ? undefined : Number(soft)
}

/** The limit of the control group, of version 1 or 2. Without one, Node says 0, or a number beyond all memory. */
const memoryLimit = (): number | undefined => {
  const bytes = process.constrainedMemory()
  return bytes > 0 && bytes < Os.totalmem() ? bytes : undefined
}

/** The limits of this process. */
export const CurrentSystemLimits = Context.Reference<SystemLimits>("effect-kv-cache/server/CurrentSystemLimits", {
  defaultValue: () => ({ descriptors: descriptorLimit(), memory: memoryLimit() })
})

/** Descriptors that are no clients': Node's own, the listening socket, the log. As many as Redis sets aside. */
const OTHER_DESCRIPTORS = 32

const MB = 2 ** 20

/** What the process takes besides its entries: Node and the program, with room for what clients send and read. */
const OTHER_MEMORY = 100 * MB

/** What is held for entries is more than what they take: memory comes in pages, and grows in steps. */
const HELD_FOR_TAKEN = 1.15

const inMegabytes = (bytes: number): string => `${Math.floor(bytes / MB)}mb`

const memoryComplaint = ({ maxKeys, maxMemory }: Settings, limit: number): string | undefined => {
  const taken = maxMemory ?? maxKeys * entryBytes(MAX_KEY_LENGTH, MAX_VALUE_LENGTH)
  if (taken * HELD_FOR_TAKEN + OTHER_MEMORY <= limit) return undefined
  const setting =
    maxMemory === undefined
      ? `without --max-memory, ${maxKeys} keys (--max-keys) can take ${inMegabytes(taken)}, which does`
      : `--max-memory is ${inMegabytes(taken)}, which does`
  const fitting = (limit - OTHER_MEMORY) / HELD_FOR_TAKEN
  const advice =
    fitting < MB ? "raise that limit" : `set --max-memory to at most ${inMegabytes(fitting)}, or raise that limit`
  return `${setting} not fit into the memory limit of ${inMegabytes(limit)} of the container or control group: ${advice}`
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
