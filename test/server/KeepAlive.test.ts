/** Peers that vanish without a word: the kernel is told to ask for them, on whichever way connections are read. */
import { existsSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestServer from "./TestServer.ts"

/** Linux tells of each socket which timer it has: 2 is the one of keepalive. */
const SOCKETS = "/proc/net/tcp"
const KEEP_ALIVE = "02"

const inHex = (port: number): string => port.toString(16).toUpperCase().padStart(4, "0")

/** The timers of the server's connections. */
const timersOf = (port: number): ReadonlyArray<string | undefined> =>
  readFileSync(SOCKETS, "utf8")
    .split("\n")
    .map((row) => row.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(`:${inHex(port)}`) === true && state === "01")
    .map(([, , , , , timer]) => timer?.split(":")[0])

describe.skipIf(!existsSync(SOCKETS))("keepalive", () => {
  it.effect("is on for each connection", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ idleTimeout: Duration.zero })
      // They send nothing: what is on its way to them would have a timer of its own.
      for (let i = 0; i < 3; i++) yield* server.connect()
      yield* server.logs.waitFor("connection opened", 3)
      assert.deepStrictEqual(timersOf(server.address.port), [KEEP_ALIVE, KEEP_ALIVE, KEEP_ALIVE])
    })
  )
})
