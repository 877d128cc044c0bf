/**
 * Outlives the benchmark by a moment and ends, by pid, the processes that it left. The benchmark tells it which
 * processes have started and ended. So nothing is left even when the benchmark itself is killed.
 */
import { createInterface } from "node:readline"

const left = new Set<number>()

// Ctrl-C goes to all processes of a terminal. This one must end last.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {})

/** A line is the pid of a process that has started or, with a minus, of one that has ended. */
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
        // The process has just ended by itself.
      }
    }
    process.exit(0)
  })
