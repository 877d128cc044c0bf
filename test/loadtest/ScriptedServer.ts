/**
 * A server that speaks the text protocol as a test scripts it. It answers each request at once, or holds the answers
 * until the test releases them. It is not a cache of its own.
 */
import type * as Net from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Peer from "../client/Peer.ts"
import * as Changes from "../server/Changes.ts"

export interface Request {
  readonly line: string
  /** The number of the connection, in the order of acceptance. */
  readonly connection: number
  /** The number of the request among all received ones, without the first EXISTS of each connection. */
  readonly number: number
}

/** What the server does with a request: answer with a line, do not answer, or close the connection. */
export type Answer = string | "nothing" | "close"

export interface ScriptedServer extends Peer.Peer {
  readonly requests: ReadonlyArray<Request>
  /** Waits until the server has received `count` requests. */
  readonly received: (count: number) => Effect.Effect<void>
  /** Holds all answers from now on. */
  readonly hold: () => void
  /** The number of held answers. */
  readonly held: () => number
  /** Releases the first `count` held answers. */
  readonly release: (count: number) => void
  /** Closes every connection. */
  readonly cut: () => void
}

/** Gives the answers of a cache without limits. */
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
