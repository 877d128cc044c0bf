/**
 * A server that speaks enough of Redis's protocol for a connection to be made, and answers all else as a test says: what a
 * real server does only at bad moments, or never. It keeps nothing, and ends with the scope.
 */
import * as Net from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { frameEnd, partsOf } from "../../differential/Frames.ts"
import * as Changes from "../../server/Changes.ts"

/** In place of an answer: the connection is closed, whatever else was asked on it. */
export const CLOSE = Symbol("close")

/** Bytes, one character for each, of which there may be none; or nothing, for what a healthy single server would say. */
export type Answer = string | typeof CLOSE | undefined

export interface Asked {
  readonly words: ReadonlyArray<string>
  /** Which connection it came on, counted from 1. */
  readonly connection: number
}

export interface ScriptedRedis {
  readonly port: number
  /** All requests so far, of all connections. */
  readonly asked: ReadonlyArray<Asked>
  /** How many connections there are. */
  readonly connected: () => number
  /** Waits until so many requests of this name have come. */
  readonly waitFor: (name: string, count?: number) => Effect.Effect<void>
  /** Sends bytes on all connections that there are. */
  readonly say: (bytes: string) => Effect.Effect<void>
  /** Reads nothing more from the connections that there are, until `resume`. */
  readonly pause: Effect.Effect<void>
  readonly resume: Effect.Effect<void>
}

export const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`

/** A reply to CLUSTER SLOTS: ranges of slots, inclusive, and the port of who has them. */
export const slots = (...ranges: ReadonlyArray<readonly [first: number, last: number, port: number]>): string =>
  `*${ranges.length}\r\n${ranges
    .map(([first, last, port]) => `*3\r\n:${first}\r\n:${last}\r\n*2\r\n${bulk("127.0.0.1")}:${port}\r\n`)
    .join("")}`

/** What a single server without trouble says. */
const usual: Readonly<Record<string, string>> = {
  HELLO: "%0\r\n",
  PING: "+PONG\r\n",
  CLUSTER: "-ERR This instance has cluster support disabled\r\n"
}

export const start = (
  answer: (asked: Asked, port: number) => Answer = () => undefined
): Effect.Effect<ScriptedRedis, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<ScriptedRedis & { readonly close: () => void }>((resume) => {
      const changes = Changes.make()
      const asked: Array<Asked> = []
      const sockets = new Set<Net.Socket>()
      let connections = 0
      const server = Net.createServer((socket) => {
        const connection = ++connections
        sockets.add(socket)
        let rest = Buffer.alloc(0)
        socket.setNoDelay(true)
        socket.on("error", () => {})
        socket.on("close", () => sockets.delete(socket))
        socket.on("data", (chunk: Buffer) => {
          rest = Buffer.concat([rest, chunk])
          let at = 0
          for (let end = frameEnd(rest, at); end !== -1; end = frameEnd(rest, at)) {
            const words = (partsOf(rest.toString("latin1", at, end)) ?? []).map((part) =>
              part.slice(part.indexOf("\r\n") + 2, -2)
            )
            at = end
            const one = { words, connection }
            asked.push(one)
            const said = answer(one, port) ?? usual[words[0] ?? ""] ?? "+OK\r\n"
            if (said === CLOSE) socket.destroy()
            else if (said !== "") socket.write(said, "latin1")
          }
          rest = rest.subarray(at)
          changes.changed()
        })
      })
      let port = 0
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        port = typeof address === "object" && address !== null ? address.port : 0
        resume(
          Effect.succeed({
            port,
            asked,
            connected: () => sockets.size,
            waitFor: (name, count = 1) =>
              changes.until(() => asked.filter(({ words }) => words[0] === name).length >= count),
            say: (bytes) =>
              Effect.sync(() => {
                for (const socket of sockets) socket.write(bytes, "latin1")
              }),
            pause: Effect.sync(() => {
              for (const socket of sockets) socket.pause()
            }),
            resume: Effect.sync(() => {
              for (const socket of sockets) socket.resume()
            }),
            close: () => {
              server.close()
              for (const socket of sockets) socket.destroy()
            }
          })
        )
      })
    }),
    ({ close }) => Effect.sync(close)
  )
