/**
 * A peer that speaks the text protocol as a test says: it answers each request at once, or holds the answers back until
 * it is told to give them.
 */
import type * as Net from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Peer from "../client/Peer.ts"
import * as Changes from "../server/Changes.ts"

export interface Request {
  readonly line: string
  /** The number of the connection, in the order in which they were accepted. */
  readonly connection: number
  /** The number of the request among all that were received, the first EXISTS of each connection left out. */
  readonly number: number
}

/** What a peer does with a request: answer it with a line, leave it unanswered, or close the connection. */
export type Answer = string | "nothing" | "close"

export interface ScriptedServer extends Peer.Peer {
  readonly requests: ReadonlyArray<Request>
  /** Waits until so many requests have been received. */
  readonly received: (count: number) => Effect.Effect<void>
  /** From now on answers are held back. */
  readonly hold: () => void
  /** Answers that are held back. */
  readonly held: () => number
  /** Gives the first answers that are held back. */
  readonly release: (count: number) => void
  /** Closes every connection. */
  readonly cut: () => void
}

/** Answers as a cache without limits would. */
export const asCache = (): ((request: Request) => Answer) => {
  const values = new Map<string, string>()
  return ({ line }) => {
    const [name = "", key = "", value = ""] = line.split(" ")
    if (name === "PUT") {
      values.set(key, value)
      return "OK stored"
    }
    const found = values.get(key)
    return found === undefined ? "ERROR key not found" : `OK ${found}`
  }
}

/** Listens until the scope closes. */
export const listen = Effect.fnUntraced(function* (
  answer: (request: Request) => Answer = asCache()
): Effect.fn.Return<ScriptedServer, never, Scope.Scope> {
  const requests: Array<Request> = []
  const answers: Array<() => void> = []
  const sockets = new Set<Net.Socket>()
  const changes = Changes.make()
  let isHolding = false
  const give = (socket: Net.Socket, text: Answer): void => {
    if (text === "close") socket.destroy()
    else if (text !== "nothing") socket.write(`${text}\n`, "latin1")
  }
  const peer = yield* Peer.listen((socket) => {
    const connection = sockets.size
    let rest = ""
    sockets.add(socket)
    socket.setEncoding("latin1").on("data", (text: string) => {
      const lines = (rest + text).split("\n")
      rest = lines.pop() ?? ""
      for (const line of lines) {
        if (line.startsWith("EXISTS ")) {
          give(socket, "OK 0")
          continue
        }
        const request = { line, connection, number: requests.length }
        requests.push(request)
        if (isHolding) answers.push(() => give(socket, answer(request)))
        else give(socket, answer(request))
      }
      changes.changed()
    })
  })
  return {
    ...peer,
    requests,
    received: (count) => changes.until(() => requests.length >= count),
    hold: () => {
      isHolding = true
    },
    held: () => answers.length,
    release: (count) => {
      for (const next of answers.splice(0, count)) next()
    },
    cut: () => {
      for (const socket of sockets) socket.destroy()
    }
  }
})
