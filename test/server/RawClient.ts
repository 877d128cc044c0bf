/**
 * A raw TCP client for tests: bytes out, bytes in, all as effects that wait for the socket's own events. It knows
 * nothing of the protocol but that a line ends with a newline, and it never sleeps.
 */
import * as Net from "node:net"
import * as Tls from "node:tls"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Changes from "./Changes.ts"

export class ConnectFailed extends Data.TaggedError("ConnectFailed")<{ readonly code: string }> {}

/** The connection ended before what was waited for had come; `received` is the beginning of what had. */
export class Ended extends Data.TaggedError("Ended")<{ readonly code: string; readonly received: string }> {}

export interface RawClient {
  /** Hands bytes (latin1) to the socket, and does not wait for them to leave. */
  readonly send: (bytes: string | Buffer) => Effect.Effect<void>
  /** Sends bytes and waits until the kernel has them all. */
  readonly sendFlushed: (bytes: string | Buffer) => Effect.Effect<void>
  /** Takes exactly `count` lines, newlines included; waits for them. */
  readonly lines: (count: number) => Effect.Effect<string, Ended>
  /** Takes exactly `count` bytes; waits for them. */
  readonly bytes: (count: number) => Effect.Effect<Buffer, Ended>
  /** Sends lines and takes as many replies as it sent lines. */
  readonly ask: (lines: string) => Effect.Effect<string, Ended>
  /** Takes all that comes until the server has ended its side, or reset the connection. */
  readonly untilEnd: Effect.Effect<{ readonly text: string; readonly reset: boolean }>
  /** Waits until the socket is closed in both directions. */
  readonly closed: Effect.Effect<void>
  /** Ends the client's side only. */
  readonly endSide: Effect.Effect<void>
  readonly pause: Effect.Effect<void>
  readonly resume: Effect.Effect<void>
  readonly destroy: Effect.Effect<void>
  /** As `destroy`, with a reset in place of an end. */
  readonly reset: Effect.Effect<void>
}

export interface ConnectOptions {
  /** Keeps the client's side open when the server has ended its own. */
  readonly keepOpen?: boolean
  /** Reads nothing until `resume`. */
  readonly paused?: boolean
  /** Speaks TLS. */
  readonly tls?: Tls.ConnectionOptions
}

const NEWLINE = 0x0a

const countNewlines = (chunk: Buffer): number => {
  let count = 0
  for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, at + 1)) count++
  return count
}

const open = (address: { readonly host: string; readonly port: number }, options: ConnectOptions) =>
  Effect.callback<Net.Socket, ConnectFailed>((resume) => {
    const settings = { ...address, allowHalfOpen: options.keepOpen === true, noDelay: true }
    const socket = options.tls === undefined ? Net.connect(settings) : Tls.connect({ ...settings, ...options.tls })
    const onError = (error: NodeJS.ErrnoException) =>
      resume(Effect.fail(new ConnectFailed({ code: error.code ?? "UNKNOWN" })))
    socket.once("error", onError)
    socket.once(options.tls === undefined ? "connect" : "secureConnect", () => {
      socket.removeListener("error", onError)
      resume(Effect.succeed(socket))
    })
    return Effect.sync(() => socket.destroy())
  })

const make = (socket: Net.Socket, options: ConnectOptions): RawClient => {
  let chunks: Array<Buffer> = []
  let size = 0
  let newlines = 0
  let ended = false
  let code = "end of stream"
  const changes = Changes.make()

  const take = (count: number): Buffer => {
    const all = Buffer.concat(chunks)
    const taken = all.subarray(0, count)
    const rest = all.subarray(count)
    chunks = rest.length === 0 ? [] : [rest]
    size = rest.length
    newlines = countNewlines(rest)
    return taken
  }
  const waitFor = (condition: () => boolean): Effect.Effect<void, Ended> =>
    changes
      .until(() => condition() || ended)
      .pipe(
        Effect.andThen(
          Effect.suspend(() =>
            condition()
              ? Effect.void
              : Effect.fail(new Ended({ code, received: Buffer.concat(chunks).toString("latin1", 0, 200) }))
          )
        )
      )

  socket.on("data", (chunk: Buffer) => {
    chunks.push(chunk)
    size += chunk.length
    newlines += countNewlines(chunk)
    changes.changed()
  })
  if (options.paused === true) socket.pause()
  socket.on("end", () => {
    ended = true
    changes.changed()
  })
  socket.on("error", (error: NodeJS.ErrnoException) => {
    code = error.code ?? "UNKNOWN"
  })
  socket.on("close", () => {
    ended = true
    changes.changed()
  })

  const send = (bytes: string | Buffer) => Effect.sync(() => void socket.write(bytes, "latin1"))
  const lines = (count: number) =>
    Effect.map(
      waitFor(() => newlines >= count),
      () => {
        const all = Buffer.concat(chunks)
        let at = 0
        for (let line = 0; line < count; line++) at = all.indexOf(NEWLINE, at) + 1
        return take(at).toString("latin1")
      }
    )
  return {
    send,
    sendFlushed: (bytes) =>
      Effect.callback((resume) => {
        socket.write(bytes, "latin1", () => resume(Effect.void))
      }),
    lines,
    bytes: (count) =>
      Effect.map(
        waitFor(() => size >= count),
        () => take(count)
      ),
    ask: (text) => Effect.andThen(send(text), lines(countNewlines(Buffer.from(text, "latin1")))),
    untilEnd: Effect.map(
      changes.until(() => ended),
      () => ({ text: take(size).toString("latin1"), reset: code === "ECONNRESET" || code === "EPIPE" })
    ),
    closed: changes.until(() => socket.closed),
    endSide: Effect.callback((resume) => {
      socket.end(() => resume(Effect.void))
    }),
    pause: Effect.sync(() => void socket.pause()),
    resume: Effect.sync(() => void socket.resume()),
    destroy: Effect.andThen(
      Effect.sync(() => void socket.destroy()),
      changes.until(() => socket.closed)
    ),
    reset: Effect.andThen(
      Effect.sync(() => void socket.resetAndDestroy()),
      changes.until(() => socket.closed)
    )
  }
}

/** Connects; the connection is destroyed with the scope. */
export const connect = (
  address: { readonly host: string; readonly port: number },
  options: ConnectOptions = {}
): Effect.Effect<RawClient, ConnectFailed, Scope.Scope> =>
  Effect.acquireRelease(open(address, options), (socket) =>
    Effect.sync(() => {
      if (socket instanceof Tls.TLSSocket) socket.destroy()
      else if (!socket.destroyed) socket.resetAndDestroy()
    })
  ).pipe(Effect.map((socket) => make(socket, options)))
