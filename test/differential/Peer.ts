/** A connection to a server that speaks RESP: requests out, replies in as they are, one after the other. */
import * as Net from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Changes from "../server/Changes.ts"
import { frameEnd } from "./Frames.ts"

const PUSH = 0x3e

/** How often half a second passes without an answer before there will be none. */
const MOST_WAITS = 20

export interface Answers {
  /**
   * In order, one character for each byte. There are fewer than asked for if the connection has ended, or if no more have
   * come for a long time.
   */
  readonly replies: ReadonlyArray<string>
  /** Messages that no command asked for. */
  readonly pushes: ReadonlyArray<string>
}

export interface Peer {
  /** Sends requests all at once and takes a reply for each. */
  readonly ask: (requests: ReadonlyArray<ReadonlyArray<string>>) => Effect.Effect<Answers>
}

const encode = (requests: ReadonlyArray<ReadonlyArray<string>>): Buffer =>
  Buffer.from(
    requests
      .map((words) => `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`)
      .join(""),
    "latin1"
  )

const make = (socket: Net.Socket): Peer => {
  const changes = Changes.make()
  let replies: Array<string> = []
  let pushes: Array<string> = []
  let rest = Buffer.alloc(0)
  let ended = false
  socket.on("data", (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk])
    let at = 0
    for (let end = frameEnd(rest, at); end !== -1; end = frameEnd(rest, at)) {
      const kept = rest[at] === PUSH ? pushes : replies
      kept.push(rest.toString("latin1", at, end))
      at = end
    }
    rest = rest.subarray(at)
    changes.changed()
  })
  socket.on("error", () => {})
  socket.on("close", () => {
    ended = true
    changes.changed()
  })
  return {
    ask: Effect.fnUntraced(function* (requests) {
      replies = []
      pushes = []
      socket.write(encode(requests))
      // A server that does not answer is given up in many short waits: a machine that stood still was not one of them.
      for (let waits = 0; waits < MOST_WAITS; waits++) {
        const before = replies.length
        yield* Effect.timeoutOption(
          changes.until(() => replies.length >= requests.length || ended),
          "500 millis"
        )
        if (replies.length >= requests.length || ended) break
        if (replies.length > before) waits = 0
      }
      return { replies, pushes }
    })
  }
}

/** Connects. The connection is destroyed with the scope. */
export const connect = (where: Net.NetConnectOpts): Effect.Effect<Peer, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<Net.Socket>((resume) => {
        const socket = Net.connect(where, () => resume(Effect.succeed(socket)))
        socket.setNoDelay(true)
        socket.once("error", (error) => resume(Effect.die(error)))
      }),
      (socket) => Effect.sync(() => void socket.destroy())
    ),
    make
  )
