/**
 * One connection to a server, shared by any number of fibers. Each fiber gets the answers to its own requests.
 *
 * The server answers in order, so the only bookkeeping is a queue of the requests that wait for an answer. This file
 * does not reconnect and does not validate; `Client.ts` does both.
 */
import type * as Net from "node:net"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Redacted from "effect/Redacted"
import { auth, type AnsweredCommand, type Command } from "../domain/Command.ts"
import type { Reply } from "../domain/Reply.ts"
import type { MalformedReply, ProtocolService } from "../protocol/Protocol.ts"
import {
  AuthenticationError,
  type ClientError,
  ConnectionClosedError,
  MalformedReplyError,
  RefusedError,
  TimeoutError
} from "./ClientError.ts"
import {
  type ClientCredentials,
  type ConnectOptions,
  DEFAULT_TIMEOUT,
  formatAddress,
  openSocket
} from "./ClientSocket.ts"
import * as ClientTls from "./ClientTls.ts"

/** Commands that were sent together and wait for their answers. */
interface Waiting {
  readonly commands: ReadonlyArray<AnsweredCommand>
  readonly replies: Array<Reply>
  /** The caller has given up. The answers still come, and are dropped. */
  abandoned: boolean
  readonly resume: (result: Effect.Effect<ReadonlyArray<Reply>, ClientError>) => void
}

/** Connects, says who the client is, and closes the connection with the scope. */
export const connect = (
  options: ConnectOptions,
  protocol: ProtocolService
): Effect.Effect<ClientConnection, ClientError, Scope.Scope> =>
  Effect.acquireRelease(
    openSocket(options),
    (socket) => Effect.sync(() => socket.destroy()),
    // A connection attempt may take long, so it can be interrupted.
    { interruptible: true }
  ).pipe(
    Effect.map((socket) => new ClientConnection(socket, options, protocol)),
    Effect.tap((connection) =>
      options.credentials === undefined ? Effect.void : authenticate(connection, options.credentials, options)
    )
  )

const authenticate = Effect.fnUntraced(function* (
  connection: ClientConnection,
  { password, user }: ClientCredentials,
  options: ConnectOptions
) {
  const command = yield* auth(user, Redacted.value(password)).pipe(
    Effect.mapError(({ message }) => new AuthenticationError({ message: `Bad credentials: ${message}.` }))
  )
  const [reply] = yield* connection.execute([command])
  if (reply?._tag === "Authenticated") return
  const reason = reply?._tag === "Failed" ? reply.message : "no reply"
  return yield* new AuthenticationError({ message: `${formatAddress(options)} refused the credentials: ${reason}.` })
})

/** What an error means that ended a connection. */
export const describeCut = (code: string | undefined, message: string): string => {
  switch (code) {
    case "ECONNRESET":
    case "EPIPE":
      return "the server cut it"
    case "ETIMEDOUT":
      return "the server cannot be reached any more"
    default:
      // A server says what it thinks of a client's certificate after the client has done its part of the handshake.
      return ClientTls.describe(code ?? "", message)?.replace(/\.$/, "") ?? message
  }
}

export class ClientConnection {
  private readonly socket: Net.Socket
  private readonly protocol: ProtocolService
  private readonly decoder: ReturnType<ProtocolService["makeReplyDecoder"]>
  private readonly name: string
  private readonly requestTimeout: Duration.Duration
  // The server answers the first one first.
  private readonly waiting: Array<Waiting> = []
  private failure: ClientError | undefined
  private corked = false
  private readonly closeListeners = new Set<() => void>()

  constructor(socket: Net.Socket, options: ConnectOptions, protocol: ProtocolService) {
    this.socket = socket
    this.protocol = protocol
    this.decoder = protocol.makeReplyDecoder()
    this.name = formatAddress(options)
    this.requestTimeout = Duration.fromInputUnsafe(options.requestTimeout ?? DEFAULT_TIMEOUT)
    socket.on("data", (chunk: Buffer) => this.receive(chunk))
    socket.on("error", (error: NodeJS.ErrnoException) =>
      this.fail(this.closedBecause(describeCut(error.code, error.message)))
    )
    socket.on("end", () => this.fail(this.closedBecause("the server closed it")))
    socket.on("close", () => this.fail(this.closedBecause("the server closed it")))
  }

  /** Why the connection cannot be used any more, or nothing. */
  get closedWith(): ClientError | undefined {
    return this.failure
  }

  /** Completes when the connection has ended, whichever side ended it. */
  get closed(): Effect.Effect<ClientError> {
    return Effect.callback((resume) => {
      const listener = () => {
        if (this.failure !== undefined) resume(Effect.succeed(this.failure))
      }
      listener()
      this.closeListeners.add(listener)
      return Effect.sync(() => this.closeListeners.delete(listener))
    })
  }

  /**
   * Sends commands in one write and completes with their replies, in order. Fails as a whole if one reply is missing.
   * The timeout runs from the moment of sending. A caller that needs the replies that came before a failure passes the
   * array `into`, which collects them.
   */
  execute(
    commands: ReadonlyArray<AnsweredCommand>,
    into?: Array<Reply>
  ): Effect.Effect<ReadonlyArray<Reply>, ClientError> {
    if (commands.length === 0) return Effect.succeed([])
    return Effect.callback<ReadonlyArray<Reply>, ClientError>((resume) => {
      if (this.failure !== undefined) return resume(Effect.fail(this.failure))
      const entry: Waiting = { commands, replies: into ?? [], abandoned: false, resume }
      this.waiting.push(entry)
      this.write(commands)
      return Effect.sync(() => {
        entry.abandoned = true
      })
    }).pipe(
      Effect.timeoutOrElse({
        duration: this.requestTimeout,
        orElse: () =>
          Effect.fail(
            new TimeoutError({
              operation: "request",
              message: `${this.name} did not answer within ${Duration.format(this.requestTimeout)}.`
            })
          )
      })
    )
  }

  /** Sends QUIT and completes when the server has closed the connection, after the answers to all earlier requests. */
  get quit(): Effect.Effect<void, ClientError> {
    return Effect.suspend(() => {
      if (this.failure !== undefined) return Effect.void
      this.write([{ _tag: "Quit" }])
      return this.closed.pipe(Effect.timeoutOption(this.requestTimeout), Effect.asVoid)
    })
  }

  private write(commands: ReadonlyArray<Command>): void {
    // Everything that fibers send in one turn of the event loop goes out in one write.
    if (!this.corked) {
      this.corked = true
      this.socket.cork()
      process.nextTick(() => {
        this.corked = false
        this.socket.uncork()
      })
    }
    let text = ""
    for (const command of commands) text += this.protocol.encodeCommand(command)
    this.socket.write(text, "latin1")
  }

  private receive(chunk: Buffer): void {
    this.decoder.decode(
      chunk.toString("latin1"),
      () => {
        const first = this.waiting[0]
        return first?.commands[first.replies.length]?._tag
      },
      (reply) => this.answer(reply)
    )
  }

  private answer(reply: Reply | MalformedReply): void {
    if (this.failure !== undefined) return
    if (reply._tag === "MalformedReply") {
      const message = `${this.name} sent what is no answer of a KV-Cache server: '${reply.received}'.`
      this.fail(new MalformedReplyError({ message }))
      return
    }
    const first = this.waiting[0]
    if (first === undefined) {
      // A server that refuses a connection says why without being asked, and closes it.
      const message = reply._tag === "Failed" ? reply.message : "it answered what was not asked"
      this.fail(new RefusedError({ message: `${this.name} refused the connection: ${message}.` }))
      return
    }
    first.replies.push(reply)
    if (first.replies.length < first.commands.length) return
    this.waiting.shift()
    if (!first.abandoned) first.resume(Effect.succeed(first.replies))
  }

  private closedBecause(reason: string): ConnectionClosedError {
    return new ConnectionClosedError({ message: `The connection to ${this.name} is closed: ${reason}.` })
  }

  private fail(error: ClientError): void {
    if (this.failure !== undefined) return
    this.failure = error
    this.socket.destroy()
    const waiting = this.waiting.splice(0)
    for (const entry of waiting) if (!entry.abandoned) entry.resume(Effect.fail(error))
    for (const listener of this.closeListeners) listener()
  }
}
