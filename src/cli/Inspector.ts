/**
 * Keeps Node's inspector closed. Node opens it on SIGUSR1, on port 9229: whoever may send the signal, or reaches the port,
 * could run any code in this process.
 *
 * A listener takes the place of Node's own, as soon as this module is loaded. Node obeys the signal before that, from its
 * start on: `closeInspector` closes what has been opened in the meantime. `node --disable-sigusr1` leaves no gap at all,
 * where Node knows it. It imports nothing, so that `main.ts` can have it loaded before all else.
 */

/** Whether whoever started the program asked for the inspector, by a flag. */
const isWanted = (): boolean =>
  [...process.execArgv, ...(process.env["NODE_OPTIONS"] ?? "").split(" ")].some((flag) =>
    /^--inspect(-brk|-wait)?(=|$)/.test(flag)
  )

process.on("SIGUSR1", () => {})

/** Closes the inspector, if it is open and nobody asked for it. */
export const closeInspector = (): void => {
  if (!process.features.inspector || isWanted()) return
  const inspector = process.getBuiltinModule("node:inspector")
  if (inspector.url() !== undefined) inspector.close()
}
