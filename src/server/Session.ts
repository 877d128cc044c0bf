/**
 * What a client is to the server: the protocol that it speaks, and what commands of its own have made of it. It does the
 * commands that no executor does, and knows nothing of sockets.
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import { type AuthenticationService, DEFAULT_USER, type User } from "../auth/Authentication.ts"
import { commands as table, EXEC } from "../commands/Commands.ts"
import type { Caller } from "../commands/Execution.ts"
import type { ValuesAhead } from "../commands/LargeValue.ts"
import { CommandBatch } from "../domain/CommandBatch.ts"
import type { Reply } from "../domain/Reply.ts"
import type { ProtocolService, ReplyWriter, RequestDecoder } from "../protocol/Protocol.ts"
import { type RespVersion } from "../protocol/resp/RespReplyWriter.ts"
import { RespRequestDecoder } from "../protocol/resp/RespRequestDecoder.ts"
import type { Clients } from "./Clients.ts"
import type { Instance } from "./Instance.ts"
import type { ServerCounters } from "./ServerCounters.ts"
import { performers } from "./perform/Performers.ts"
import type { EngineWatch, ExecutorService } from "../store/Executor.ts"
import type { Observation } from "./Observation.ts"
import type { Parameters } from "./Parameters.ts"
import type { Pause } from "./Pause.ts"
import { forbid, forbidden } from "./Permissions.ts"
import type { Running } from "./Running.ts"
import { answerStranger, hasFailed } from "./perform/Authentication.ts"
import { forget, queue } from "./perform/Transactions.ts"
import type { SharedWriter } from "./SharedWriter.ts"
import { answerListener, leaveChannels } from "./perform/PubSub.ts"
import type { Stranger, StrangerEnd, Strangers } from "./Strangers.ts"
import { rangeEnd, type Tracker, type Tracking } from "./Tracking.ts"
import { TLS_BEGINS } from "../protocol/text/RequestDecoder.ts"
import { Transaction } from "./Transaction.ts"
import type { Transactions } from "./Transactions.ts"
import type { VirtualClockService } from "./VirtualClock.ts"
import type { Watch } from "./Watches.ts"

/** What all sessions of a server share. */
export interface SessionContext {
  /** The text protocol. */
  readonly protocol: ProtocolService
  readonly writers: {
    readonly text: SharedWriter
    readonly resp: Readonly<Record<RespVersion, SharedWriter>>
  }
  readonly counters: ServerCounters
  readonly clients: Clients
  /** Who may come, and those who have yet to say who they are. */
  readonly authentication: AuthenticationService
  readonly strangers: Strangers
  readonly instance: Instance
  readonly executor: ExecutorService
  readonly parameters: Parameters
  readonly running: Running
  readonly tracking: Tracking
  readonly observation: Observation
  readonly pause: Pause
  /** The time in µs, with fractions: for what is measured. */
  readonly micros: () => number
  readonly transactions: Transactions
  /** What STATS says at `now`, in ms. */
  readonly statistics: (now: number) => Reply
  /** The most bytes of a string in RESP. */
  readonly maxBulk: number
  /** In tests: what the CLOCK command moves. */
  readonly clock: VirtualClockService | undefined
  /** Called when a user or a password was wrong, with the address of whoever sent it. Counts it. */
  readonly onWrongPassword: (ip: string) => void
  /** Called when a browser speaks to the server. */
  readonly onHttp: () => void
  /** Called when a client begins with a handshake of TLS, on a connection without it. */
  readonly onTls: () => void
}

/** A session's connection, as far as commands are concerned with it. */
export interface Link {
  /** The peer's address and port. */
  readonly peer: string
  /** The peer's address alone. */
  readonly ip: string
  /** The address and port that the peer has connected to. */
  readonly local: string
  /** When the last request was complete or the last reply drained, in ms. */
  readonly activeAt: number
  /** Whether the peer has shown a TLS certificate that the server trusts. */
  readonly certified: boolean
  /** The number by which the system knows its socket, or -1. */
  readonly descriptor: number
  /** The bytes of memory that it holds for its client: of what is not executed, and of what is not written. */
  readonly heldBytes: number
  readonly unexecutedBytes: number
  readonly unwrittenBytes: number
  /** Is told how many bytes of memory more, or less, its session holds. It may be closed before this returns. */
  readonly hold: (bytes: number) => void
  /** Sends bytes that no command asked for, between two replies. They must stay as they are. */
  readonly push: (bytes: Buffer) => void
  /** Whether what is sent can still reach the peer: the connection has not ended, and was not closed. */
  readonly isOpen: boolean
  /** Closes the connection at once. */
  readonly kill: (reason?: StrangerEnd) => void
}

/** Which protocols a port speaks: the first byte of a connection decides, or it is always RESP. */
export type PortKind = "any" | "resp"

/** What a command that no executor does comes to. */
export type Outcome =
  /** It is answered. */
  | "answered"
  /** It is answered, and nothing after it is executed. */
  | "answered last"
  /** It has no answer, and nothing after it is executed. */
  | "ended"
  /** It has to be waited for, and then there is what writes its answer, or what has its answer. */
  | Effect.Effect<((replies: ReplyWriter) => void) | ReplyWriter>

/** Does a command at `now`, and puts its answer into `replies`. */
export type Perform = (
  session: Session,
  commands: CommandBatch,
  command: number,
  now: number,
  replies: ReplyWriter
) => Outcome

const MICROS_PER_MILLI = 1000

/** What was kept of a few commands, as a batch. */
const batchOf = (kept: Transaction): CommandBatch => {
  const batch = new CommandBatch()
  kept.read().readInto(batch)
  return batch
}

/** The first byte of a connection that speaks RESP. */
const RESP_BEGINS = 0x2a

/** Whose commands these are where nobody says who he is. Strangers have the name, too, as in Redis. */
const nobody: User = { name: DEFAULT_USER, role: "admin" }

/** What became of a client that has said who it is. */
export type Verdict = "welcome" | "wrong" | "too many"

export class Session implements Caller {
  /** Counted from 1, for all clients of the server. */
  readonly id: number
  /** In ms. */
  readonly createdAt: number
  database = 0
  /** Whether the commands of a transaction are executed. */
  isAtomic = false
  /** Long values of a transaction that is executed. */
  ahead: ValuesAhead | undefined = undefined
  /** The version of RESP, if the client speaks RESP. */
  version: RespVersion = 2
  user: User = nobody
  /** What the client is until it has said who it is, if it must. */
  stranger: Stranger | undefined = undefined
  /** The connection is to end behind the next answer. */
  isOver = false
  // How often it has said who it is, and was not.
  private failures = 0
  // The commands, by id, that its user may not use.
  private forbidden: Uint8Array | undefined = undefined
  /** What the client calls itself and its library; empty if it has not said. */
  name = ""
  libraryName = ""
  libraryVersion = ""
  /** The id of the last command that was executed, or -1. */
  lastCommand = -1
  /** It is not closed for the memory that clients hold. */
  isKept = false
  /** Its reads are no uses of keys. */
  isUntouching = false
  /** No command is answered. */
  isSilent = false
  /** So many of the next answers are dropped. */
  answersToDrop = 0
  /** What the client has queued, after a MULTI. */
  transaction: Transaction | undefined = undefined
  /** What it watches. */
  watch: Watch | undefined = undefined
  /** What the engine watches for it, if the engine has transactions of its own. */
  engineWatch: EngineWatch | undefined = undefined
  /** Whether what was queued is being executed. */
  isExecuting = false
  /** What it is to be told of the keys that it reads. */
  tracker: Tracker | undefined = undefined
  /** The channels that it listens to, one character for each byte, if there are any. */
  channels: Set<string> | undefined = undefined
  /** Bytes of memory that it holds. */
  heldBytes = 0
  readonly context: SessionContext
  readonly link: Link
  private text: RequestDecoder | undefined = undefined
  private resp: RespRequestDecoder | undefined = undefined

  constructor(context: SessionContext, port: PortKind, link: Link) {
    this.context = context
    this.link = link
    if (port === "resp") this.resp = new RespRequestDecoder(context.maxBulk)
    this.createdAt = link.activeAt
    this.id = context.clients.enter(this)
    if (context.authentication.isRequired) this.beStranger()
  }

  /** Makes the session what it was at first, but for what its library is called. */
  reset(): void {
    this.letGo()
    this.database = 0
    this.version = 2
    this.name = ""
    this.isKept = false
    this.isUntouching = false
    this.isSilent = false
    this.user = nobody
    this.forbidden = undefined
    if (this.context.authentication.isRequired) this.beStranger()
  }

  /** Has to say who it is. */
  private beStranger(): void {
    if (this.stranger !== undefined) return
    this.stranger = this.context.strangers.enter(this.link.ip, (reason) => this.link.kill(reason))
    this.restrict()
  }

  /** It has said who it is, and waits for the answer. */
  awaitVerdict(): void {
    if (this.stranger !== undefined) this.context.strangers.waits(this.stranger)
  }

  /** It is a user, or it is not who it says. */
  judge(user: User | undefined): Verdict {
    const { counters, onWrongPassword, running, strangers } = this.context
    const { stranger } = this
    if (user === undefined) {
      onWrongPassword(this.link.ip)
      if (stranger !== undefined) strangers.stays(stranger)
      this.isOver = hasFailed(++this.failures)
      if (this.isOver && stranger !== undefined) strangers.turnAway()
      return "wrong"
    }
    if (stranger !== undefined) {
      // Those who have said who they are may be too many; strangers have a limit of their own.
      if (counters.open - counters.unauthenticated >= running.maxClients) {
        counters.refused++
        strangers.stays(stranger)
        this.isOver = true
        return "too many"
      }
      strangers.leave(stranger)
      this.stranger = undefined
      this.restrict()
    }
    this.user = user
    this.forbidden = forbidden(user.role)
    return "welcome"
  }

  /** Tells the decoder whether it reads what a stranger sends. */
  private restrict(): void {
    const decoder = this.resp ?? this.text
    decoder?.restrict(this.stranger !== undefined)
    this.step()
  }

  /** Replaces those commands of a batch, from `from` on, that its user may not use. */
  forbid(commands: CommandBatch, from: number): void {
    if (this.forbidden !== undefined) forbid(commands, from, this.forbidden, this.user, this.isRedis)
  }

  /** Where the client is connected from. */
  get address(): string {
    return this.link.peer
  }

  /** Whether its commands are to be executed one by one. */
  get isStepped(): boolean {
    return this.isSilent || this.answersToDrop > 0 || this.context.pause.isOn
  }

  /** What a command has to wait for, if there is something. */
  delay(commands: CommandBatch, command: number, now: number): Effect.Effect<void> | undefined {
    const id = commands.id(command)
    const flags = table[id]?.flags ?? []
    // What moves virtual time ends the pause, and nothing else does.
    if (flags.includes("virtual")) return undefined
    const isWrite = flags.includes("write") || (id === EXEC && this.transaction?.isWrite === true)
    return this.context.pause.delay(isWrite, now)
  }

  /** Whether the answer to the last command is to be dropped. */
  drops(): boolean {
    if (this.isSilent) return true
    if (this.answersToDrop === 0) return false
    this.answersToDrop--
    return true
  }

  get maxValueBytes(): number {
    return this.context.maxBulk
  }

  /** Whether it speaks Redis's protocol. */
  get isRedis(): boolean {
    return this.resp !== undefined
  }

  get writer(): SharedWriter {
    const { resp, text } = this.context.writers
    return this.resp === undefined ? text : resp[this.version]
  }

  /** As `RequestDecoder.decode`. */
  decode(commands: CommandBatch, offset: number, end: number): number {
    if (offset === end) return end
    const before = commands.messageCount
    const decoder = this.resp ?? this.text ?? this.choose(commands.bytes[offset])
    const first = commands.count
    const next = decoder.decode(commands, offset, end)
    this.context.counters.protocolErrors += commands.messageCount - before
    if (this.forbidden !== undefined) this.forbid(commands, first)
    return next
  }

  get needed(): number {
    return (this.resp ?? this.text)?.needed ?? 0
  }

  /** Whether it does a command itself, and no executor. */
  performs(commands: CommandBatch, command: number): boolean {
    return this.isGated || table[commands.id(command)]?.execute === undefined
  }

  /** Whether each command is to be decoded after the one before it has been performed. */
  step(): void {
    if (this.resp !== undefined) this.resp.isStepped = this.isGated
  }

  /** Whether it listens to channels. */
  get isSubscribed(): boolean {
    return this.channels !== undefined
  }

  /** In RESP2, whoever listens can tell messages from answers only where few commands are allowed. */
  private get isListening(): boolean {
    return this.version === 2 && this.isSubscribed
  }

  /** Whether it looks at each command before it is executed. */
  private get isGated(): boolean {
    return this.transaction !== undefined || this.isListening || this.stranger !== undefined
  }

  /** The end of what may be executed together of the commands from `from` to `to` (exclusive). */
  rangeEnd(commands: CommandBatch, from: number, to: number): number {
    return this.tracker === undefined ? to : rangeEnd(commands, from, to)
  }

  /** The executor has executed its commands from `from` to `to` (exclusive). */
  executed(commands: CommandBatch, from: number, to: number): void {
    if (this.tracker !== undefined) this.context.tracking.remember(this.tracker, commands, from, to)
  }

  /** Holds so many bytes of memory more, or less. */
  hold(bytes: number): void {
    this.heldBytes += bytes
    if (bytes !== 0) this.link.hold(bytes)
  }

  /** Says that the connection has gone. */
  leave(): void {
    this.context.clients.leave(this)
    if (this.stranger !== undefined) this.context.strangers.leave(this.stranger)
    this.letGo()
  }

  /** Ends its transaction, and all that it watches, listens to, or is told of. */
  private letGo(): void {
    this.context.observation.unwatch(this)
    forget(this)
    leaveChannels(this)
    this.context.tracking.stop(this)
  }

  perform(commands: CommandBatch, command: number, now: number, replies: ReplyWriter): Outcome {
    const id = commands.id(command)
    replies.begin()
    this.lastCommand = id
    if (this.stranger !== undefined) {
      const outcome = answerStranger(this, this.stranger, commands, command, replies)
      if (outcome !== undefined) return outcome
    }
    if (this.isListening) {
      const outcome = answerListener(commands, command, replies)
      if (outcome !== undefined) return outcome
    }
    if (this.transaction !== undefined) {
      const outcome = queue(this, this.transaction, commands, command, replies)
      if (outcome !== undefined) return outcome
    }
    const perform = performers[id]
    if (perform === undefined) throw new Error(`no one does the command ${id}`)
    const { statistics } = this.context.executor
    statistics.begin(id)
    const before = this.context.micros()
    const outcome = perform(this, commands, command, now, replies)
    if (this.isSubscribed) this.step()
    this.tracker?.performed(id)
    if (Predicate.isString(outcome)) {
      this.measured(commands, command, before)
      return outcome
    }
    // Others are decoded into the batch and its bytes meanwhile.
    const kept = new Transaction()
    kept.add(commands, command)
    return Effect.tap(outcome, () => Effect.sync(() => this.measured(batchOf(kept), 0, before)))
  }

  /** A command has been performed, which began at a time in µs. */
  private measured(commands: CommandBatch, command: number, before: number): void {
    const { executor, micros } = this.context
    const after = micros()
    executor.statistics.measured(commands, command, this, Math.floor(after / MICROS_PER_MILLI), after - before)
  }

  private choose(first: number | undefined): RequestDecoder {
    if (first === TLS_BEGINS) this.context.onTls()
    const decoder =
      first === RESP_BEGINS
        ? (this.resp = new RespRequestDecoder(this.context.maxBulk))
        : (this.text = this.context.protocol.makeRequestDecoder())
    if (this.stranger !== undefined) this.restrict()
    return decoder
  }
}
