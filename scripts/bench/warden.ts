/**
 * Outlives the benchmark by a moment: it is told of every process that the benchmark starts and sees end, and ends by
 * pid those that are left when the benchmark is gone, even one that was killed and could not do it itself.
 */
import { createInterface } from "node:readline"

const left = new Set<number>()

// Ctrl-C goes to all processes of a terminal; this one ends last.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {})

/** A line is a pid: that of a process that was started, or with a minus of one that has ended. */
createInterface({ input: process.stdin })
  .on("line", (line) => {
    const pid = Number(line)
    if (pid > 0) left.add(pid)
    else left.delete(-pid)
  })
  .on("close", () => {
    for (const pid of left) {
      try {
        process.kill(pid, "SIGKILL")
      } catch {
        // It has just ended by itself.
      }
    }
    process.exit(0)
  })
