/**
 * What is on its way between the sockets of this process: knowledge of both ends, so that time can stand still until
 * nothing is. Only servers in virtual time have one; it costs others nothing.
 *
 * Bytes that one end has written arrive at the other end when the kernel gets to it, which on a busy machine takes as
 * long as it takes. So nothing here waits for time or turns of the event loop. A client's socket in the process of its
 * server is found by its ports, and then each end's own counters say it: what one has written and the other has not read
 * is under way, and so is a connection that is not accepted yet, and an end that the other has not been told of.
 *
 * What is known of whom:
 * - Sockets of this process, whoever made them: everything. Node tells of them on its `net.client.socket` channel (Node 20:
 *   of those that `net.connect` makes, which `new net.Socket().connect()` does not).
 * - Other processes: what has arrived. All that the kernel held for the server when it was asked has been read and
 *   executed. A client that wants more waits for its answers, as between any two connections of any server.
 * - An end that does not read (paused, or held by a fault until time moves) is waited for by nobody.
 */
import * as DiagnosticsChannel from "node:diagnostics_channel"
import * as Net from "node:net"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import * as EventLoop from "../EventLoop.ts"

/** Where a server listens. */
export interface Listening {
  readonly host: string
  readonly port: number
}

/** A socket of this process that connects or has connected. */
interface ClientEnd {
  readonly socket: Net.Socket
  /** Where it connects to, once that is known. */
  target: Listening | undefined
  /** What both ends of its connection are known by, once it has connected. */
  key: string | undefined
  /** The other end, if a server of this process has accepted it. */
  server: Net.Socket | undefined
}

/**
 * Looks at which something had moved since the one before, after which time moves all the same: for a process whose
 * client asks on and on, whatever the answer. It is far beyond what any exchange takes that comes to an end.
 */
const MOST_LOOKS = 10_000

export class Traffic {
  private readonly listening: Array<Listening> = []
  // What was accepted, and of that what has not left.
  private readonly own = new WeakSet<Net.Socket>()
  private readonly ends = new Set<Net.Socket>()

  /** Knows the sockets of this process that are made while the scope is open. */
  static readonly make: Effect.Effect<Traffic, never, Scope.Scope> = Effect.acquireRelease(
    Effect.sync(() => {
      watch()
      return new Traffic()
    }),
    () => Effect.sync(unwatch)
  )

  /** A server listens from now on. */
  listens(address: Listening): void {
    this.listening.push(address)
  }

  /** A server has accepted a connection; its socket is the one that is used from now on. */
  accepted(socket: Net.Socket): void {
    this.own.add(socket)
    this.ends.add(socket)
    const key = keyOf(socket.remoteAddress, socket.remotePort, socket.localPort)
    for (const client of clientEnds.values())
      if (client.key === key && client.server === undefined) client.server = socket
    serverEnds.set(key, socket)
    socket.once("close", forgetClosed)
  }

  /** All that the server does for a connection has been done. */
  left(socket: Net.Socket): void {
    this.ends.delete(socket)
  }

  /**
   * Completes when nothing is under way any more: what was sent has been executed, its answers have arrived, and what
   * they made a client of this process send at once, too.
   */
  readonly quiet: Effect.Effect<void> = Effect.suspend(() => {
    let looks = 0
    let before = 0
    let isReceived: (() => boolean) | undefined
    return EventLoop.pollUntil(() => {
      const moved = this.moved()
      const stoodStill = isReceived !== undefined && moved === before
      before = moved
      // By the first look all that waited to be accepted has been.
      isReceived ??= EventLoop.reading(this.ends)
      if (!isReceived() || !stoodStill) return ++looks > MOST_LOOKS
      return !EventLoop.isLookedAt() && !this.isUnderWay()
    })
  })

  /** A sum that changes whenever the ends of this process have read or written. */
  private moved(): number {
    let sum = 0
    for (const { server } of clientEnds.values()) {
      if (server !== undefined && this.ends.has(server)) sum += 1 + server.bytesRead + server.bytesWritten
    }
    return sum
  }

  private isUnderWay(): boolean {
    for (const end of this.ends) if (end.destroyed) return true
    for (const client of clientEnds.values()) if (this.isBusy(client)) return true
    return false
  }

  private isBusy({ key, server, socket, target }: ClientEnd): boolean {
    if (socket.connecting) return target === undefined || this.isOurs(target, true)
    if (server !== undefined) {
      return this.own.has(server) && (flows(socket, server) || flows(server, socket))
    }
    // Connected, and not accepted yet.
    return key !== undefined && !socket.destroyed && target !== undefined && this.isOurs(target, isWithin(socket))
  }

  /** Whether an address is one that a server of this traffic listens at. */
  private isOurs({ host, port }: Listening, isLocal: boolean): boolean {
    return this.listening.some(
      (address) => address.port === port && (address.host === host || (isLocal && !isOneAddress(address.host)))
    )
  }
}

/** Whether something that one end has sent is still to be read by the other, which reads. */
const flows = (from: Net.Socket, to: Net.Socket): boolean => {
  if (to.destroyed || to.readableEnded || !reads(to)) return false
  // What is corked leaves when its owner says so.
  const written = from.writableCorked > 0 ? from.bytesWritten - from.writableLength : from.bytesWritten
  if (written > to.bytesRead) return true
  return (from.destroyed || from.writableEnded) && to.readableLength === 0
}

/** Whether an end takes what comes: it was not paused, and has room. */
const reads = (end: Net.Socket): boolean =>
  (end.readableFlowing !== false || end.listenerCount("readable") > 0) && end.readableLength < end.readableHighWaterMark

const isWithin = (socket: Net.Socket): boolean => socket.localAddress === socket.remoteAddress

/** Whether a host is one address, not a name or all addresses. */
const isOneAddress = (host: string): boolean => Net.isIP(host) !== 0 && host !== "0.0.0.0" && host !== "::"

// A server that listens at an IPv6 address sees IPv4 clients under such names.
const MAPPED = /^::ffff:(?=\d+\.)/

const keyOf = (clientAddress: string | undefined, clientPort: number | undefined, serverPort: number | undefined) =>
  `${clientAddress?.replace(MAPPED, "")} ${clientPort} ${serverPort}`

// Both ends of the process's connections, while anybody watches.
const clientEnds = new Map<Net.Socket, ClientEnd>()
const serverEnds = new Map<string, Net.Socket>()
let watchers = 0

const watch = (): void => {
  if (watchers++ === 0) DiagnosticsChannel.subscribe(CHANNEL, onClientSocket)
}

const unwatch = (): void => {
  if (--watchers > 0) return
  DiagnosticsChannel.unsubscribe(CHANNEL, onClientSocket)
  clientEnds.clear()
  serverEnds.clear()
}

const CHANNEL = "net.client.socket"

const onClientSocket = (message: unknown): void => {
  if (!Predicate.hasProperty(message, "socket") || !(message.socket instanceof Net.Socket)) return
  const { socket } = message
  const client: ClientEnd = { socket, target: undefined, key: undefined, server: undefined }
  clientEnds.set(socket, client)
  socket.on("connectionAttempt", (host: string, port: number) => {
    client.target = { host, port }
  })
  socket.once("connect", () => {
    client.target = { host: socket.remoteAddress ?? "", port: socket.remotePort ?? 0 }
    client.key = keyOf(socket.localAddress, socket.localPort, socket.remotePort)
    client.server = serverEnds.get(client.key)
    forgetClosed()
  })
  socket.once("close", forgetClosed)
}

/** Forgets connections of which both ends have closed, and ends that have closed and are nobody's other end. */
const forgetClosed = (): void => {
  let isConnecting = false
  for (const [socket, { server }] of clientEnds) {
    if (socket.connecting) isConnecting = true
    if (socket.closed && (server === undefined || server.closed)) clientEnds.delete(socket)
  }
  // A client that is not told yet that it has connected still looks for its other end.
  if (isConnecting) return
  for (const [key, socket] of serverEnds) if (socket.closed) serverEnds.delete(key)
}

/** What servers tell of their connections; nothing where time is real. */
export const CurrentTraffic = Context.Reference<Traffic | undefined>("effect-kv-cache/server/CurrentTraffic", {
  defaultValue: () => undefined
})
