/**
 * A peer that is not a KV-Cache server. It does with each connection what a test says, on a port that the system
 * chooses.
 */
import * as Net from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

export interface Peer {
  readonly host: string
  readonly port: number
  /** How many connections were accepted so far. */
  readonly accepted: () => number
}

/** Listens until the scope closes. `onSocket` gets each connection and its bytes as they come. */
export const listen = (onSocket: (socket: Net.Socket) => void, port = 0): Effect.Effect<Peer, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<{ readonly server: Net.Server; readonly sockets: Set<Net.Socket>; readonly peer: Peer }>(
      (resume) => {
        const sockets = new Set<Net.Socket>()
        let accepted = 0
        const server = Net.createServer((socket) => {
          accepted++
          sockets.add(socket)
          socket.on("error", () => socket.destroy())
          socket.on("close", () => sockets.delete(socket))
          onSocket(socket)
        })
        server.listen(port, "127.0.0.1", () => {
          const address = server.address()
          const bound = typeof address === "object" && address !== null ? address.port : port
          resume(
            Effect.succeed({ server, sockets, peer: { host: "127.0.0.1", port: bound, accepted: () => accepted } })
          )
        })
      }
    ),
    ({ server, sockets }) =>
      Effect.callback<void>((resume) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resume(Effect.void))
      })
  ).pipe(Effect.map(({ peer }) => peer))

/** A port that nobody listens on: one that was free a moment ago. */
export const unusedPort: Effect.Effect<number> = Effect.scoped(
  Effect.map(
    listen(() => {}),
    ({ port }) => port
  )
)
