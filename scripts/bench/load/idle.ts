/**
 * Opens connections, stores one key over each so that each has been served, reports that, and then only holds them.
 */
import { fail, onRelease, readOptions, say } from "./Helper.ts"
import { open } from "./Link.ts"
import type { IdleOptions, IdleReady } from "./Messages.ts"
import { wires } from "./Wire.ts"

/** How many connections are opened at once: fewer than a server's backlog of connections to accept. */
const AT_ONCE = 100

const options = readOptions<IdleOptions>()
const { connections, wire } = options
const { put, stored } = wires[wire]

let opened = 0
let served = 0

const hold = (): void => {
  opened++
  let heard = ""
  const socket = open(options, {
    onReady: () => socket.write(put("idle", "idle", 0), "latin1"),
    onBytes: (chunk, length) => {
      heard += chunk.toString("latin1", 0, length)
      if (heard.length < stored.length) return
      if (heard !== stored) return fail(`wrong reply: ${JSON.stringify(heard)}`)
      served++
      if (opened < connections) hold()
      const ready: IdleReady = { opened: served }
      if (served === connections) say(ready)
    }
  })
}

for (let i = 0; i < Math.min(AT_ONCE, connections); i++) hold()
onRelease(() => process.exit(0))
