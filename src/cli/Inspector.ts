/**
 * Keeps Node's inspector closed. On SIGUSR1 Node opens it on port 9229, and whoever reaches the port could run any code
 * in this process.
 *
 * A listener replaces Node's own when this module is loaded. Until then Node obeys the signal, so `closeInspector`
 * closes an inspector that was opened in the meantime. `node --disable-sigusr1` leaves no gap, where Node knows the
 * flag. This module imports nothing but Node's own, so that `main.ts` can load it before everything else.
 */

/** Whether the program was started with a flag that asks for the inspector. */
const isWanted = (): boolean =>
  [...process.execArgv, ...(process.env["NODE_OPTIONS"] ?? "").split(" ")].some((flag) =>
    /^--inspect(-brk|-wait)?(=|$)/.test(flag)
  )

process.on("SIGUSR1", () => {})

/** Closes the inspector if it is open and no flag asked for it. */
export const closeInspector = (): void => {
  if (!process.features.inspector || isWanted()) return
  const inspector = process.getBuiltinModule("node:inspector")
  if (inspector.url() !== undefined) inspector.close()
}
