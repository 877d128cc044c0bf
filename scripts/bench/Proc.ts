/**
 * What the kernel says about a process in `/proc`: CPU time, resident memory, limits. Linux only; elsewhere the figures
 * are absent. This file only reads.
 */
import { openSync, readdirSync, readFileSync, readSync } from "node:fs"

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, "latin1")
  } catch {
    return undefined
  }
}

/** Clock ticks a second in `/proc/PID/stat`. The kernel's interface fixes them on every platform that Node runs on. */
const TICKS = 100

/** The CPU time that a process and all its threads have used so far, user and system, in s. */
export const cpuSeconds = (pid: number): number | undefined => scheduled(pid) ?? accounted(pid)

/** The scheduler's figure, to the nanosecond, where the kernel keeps one. */
const scheduled = (pid: number): number | undefined => {
  let sum = 0
  try {
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      sum += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "latin1").split(" ")[0])
    }
  } catch {
    return undefined
  }
  return sum > 0 ? sum / 1e9 : undefined
}

/** The figure of `/proc/PID/stat`, to the hundredth of a second. */
const accounted = (pid: number): number | undefined => {
  const stat = read(`/proc/${pid}/stat`)
  if (stat === undefined) return undefined
  // The name stands in parentheses and may hold anything. utime and stime are the 12th and 13th words after it.
  const words = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return (Number(words[11]) + Number(words[12])) / TICKS
}

/**
 * A clock, in ms: how long a process's main thread has waited for a core while it was ready to run. Where the kernel
 * does not say, the clock stands still.
 */
export const runQueueClock = (pid: number): (() => number) => {
  try {
    const file = openSync(`/proc/${pid}/schedstat`, "r")
    const bytes = Buffer.alloc(96)
    return () => Number(bytes.toString("latin1", 0, readSync(file, bytes, 0, bytes.length, 0)).split(" ")[1]) / 1e6
  } catch {
    return () => 0
  }
}

/** CPU time, in s, that the host has withheld from this machine's cores so far. 0 unless it is a virtual machine. */
export const stolenSeconds = (): number => Number(read("/proc/stat")?.split(/\s+/, 9)[8] ?? 0) / TICKS

/** Resident memory of a process, in bytes. */
export const residentBytes = (pid: number): number | undefined => {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`) ?? "") ?? []
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024
}

/** The most files that a process started from here may open: the hard limit, to which Node raises the soft one. */
export const maxOpenFiles = (): number => {
  const [, hard] = /^Max open files\s+\S+\s+(\S+)/m.exec(read("/proc/self/limits") ?? "") ?? []
  return hard === undefined ? 1024 : hard === "unlimited" ? Number.POSITIVE_INFINITY : Number(hard)
}
