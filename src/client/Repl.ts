/**
 * The interactive client: the loop that moves events between a terminal, a line editor and a connection.
 *
 * It decides nothing about commands. `Interpreter.ts` says what a line asks for, `LineEditor.ts` what a key does.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import type { AnsweredCommand } from "../domain/Command.ts"
import type { Reply } from "../domain/Reply.ts"
import type { ProtocolService } from "../protocol/Protocol.ts"
import { type ClientConnection, connect } from "./ClientConnection.ts"
import { type ClientError, ConnectionClosedError, RefusedError } from "./ClientError.ts"
import type { ConnectOptions } from "./ClientSocket.ts"
import * as History from "./History.ts"
import { type Action, formatNanos, grammar, interpret, type Peer, printable, prompt, style } from "./Interpreter.ts"
import * as LineEditor from "./LineEditor.ts"
import * as ReplyText from "./ReplyText.ts"
import type { Terminal, TerminalEvent } from "./Terminal.ts"

export interface Options {
  readonly connection: ConnectOptions
  readonly protocol: ProtocolService
  readonly terminal: Terminal
  readonly history: History.History
  readonly colors: boolean
  readonly raw: boolean
}

type Event =
  | TerminalEvent
  | { readonly _tag: "Disconnected"; readonly from: ClientConnection; readonly error: ClientError }
  | { readonly _tag: "TimeIsVirtual"; readonly from: ClientConnection; readonly millis: number }

interface Link {
  readonly connection: ClientConnection
  readonly scope: Scope.Closeable
  readonly peer: Peer
}

const HELP_HINT = "Type 'help' for commands."

const GOODBYE = "Goodbye!"

const HOW_TO_LEAVE = "To leave, type QUIT or press Ctrl-D."

const NO_ANSWER = "Not waiting for the answer any more; the command may still be executed."

const NO_CONNECTION = "Not waiting for the connection any more."

/** What `status` asks the server. It changes nothing there. */
const PROBE: AnsweredCommand = { _tag: "Stats" }

/** Only a server in virtual time answers this one well. Nobody waits for the answer. */
const CLOCK_PROBE: AnsweredCommand = { _tag: "Clock", action: { _tag: "Now" } }

/** How long the client waits at its end for the server to close the connection. */
const FAREWELL = Duration.millis(500)

const CLEAR_SCREEN = "\x1b[H\x1b[2J"
const ERASE_ROW = "\r\x1b[K"

/**
 * Talks with a person until they leave. The waits for keys and answers can be interrupted, even in a program that is
 * otherwise uninterruptible.
 */
export const run = Effect.fnUntraced(function* (options: Options) {
  const { history, protocol, terminal } = options
  const { host, port } = options.connection
  const address = `${host}:${port}`
  const { dim, error: red, notice } = style(options.colors)
  const format: ReplyText.Format = { protocol, raw: options.raw }
  const scope = yield* Effect.scope
  const events = yield* Queue.unbounded<Event>()

  // Keys that were typed while a command ran.
  const ahead: Array<Event> = []
  let link: Link | undefined
  // The reason that a server gave, instead of a first answer, before it closed the connection.
  let refusal: string | undefined
  let lines = yield* history.load
  let editor = LineEditor.make(lines)

  const print = (text: string) => terminal.write(`${text}\n`)

  const printReply = (reply: Reply) => {
    const line = printable(ReplyText.toLine(reply, format))
    return print(ReplyText.isError(reply) ? red(line) : line)
  }

  const peer = (): Peer => link?.peer ?? "none"

  const view = (): LineEditor.View => ({
    prompt: prompt(peer()),
    columns: terminal.columns(),
    grammar: grammar(peer()),
    dim
  })

  const draw = Effect.suspend(() => terminal.write(LineEditor.render(editor, view())))

  // --- the connection

  const open = Effect.gen(function* () {
    yield* close
    const connectionScope = yield* Scope.fork(scope)
    const connection = yield* Effect.interruptible(connect(options.connection, protocol)).pipe(
      Scope.provide(connectionScope),
      Effect.onError(() => Scope.close(connectionScope, Exit.void))
    )
    link = { connection, scope: connectionScope, peer: "real" }
    yield* connection.closed.pipe(
      Effect.flatMap((error) => Queue.offer(events, { _tag: "Disconnected", from: connection, error })),
      Effect.forkIn(connectionScope)
    )
    refusal = undefined
    yield* connection.execute([CLOCK_PROBE]).pipe(
      Effect.flatMap(([reply]) => {
        if (reply?._tag === "Time") {
          return Queue.offer(events, { _tag: "TimeIsVirtual", from: connection, millis: reply.millis })
        }
        if (reply?._tag === "Failed" && !reply.message.includes("CLOCK")) refusal = reply.message
        return Effect.void
      }),
      Effect.ignore,
      Effect.forkIn(connectionScope)
    )
    return connection
  })

  const close = Effect.suspend(() => {
    if (link === undefined) return Effect.void
    const { scope: old } = link
    link = undefined
    return Scope.close(old, Exit.void)
  })

  const reconnect = Effect.tap(open, () => print(notice(`Connected to ${address}.`)))

  /**
   * Reports what went wrong, once. If that ended the connection, the event that follows belongs to no current
   * connection.
   */
  const report = (error: ClientError) =>
    Effect.andThen(
      link?.connection.closedWith === undefined ? Effect.void : close,
      print(red(printable(reasonOf(error).message)))
    )

  const reasonOf = (error: ClientError): ClientError =>
    refusal === undefined || error._tag !== "ConnectionClosedError"
      ? error
      : new RefusedError({ message: `${address} refused the connection: ${refusal}.` })

  const ask = Effect.fnUntraced(function* (command: AnsweredCommand) {
    const connection = link === undefined ? yield* reconnect : link.connection
    const started = yield* Clock.monotonicTimeNanos
    const [reply] = yield* connection.execute([command])
    const took = (yield* Clock.monotonicTimeNanos) - started
    // One command has one reply.
    if (reply === undefined) return yield* new ConnectionClosedError({ message: `No answer from ${address}.` })
    refusal = undefined
    return { reply, took }
  })

  /** Runs an effect that waits for the server. Ctrl-C cancels the wait. Other keys are kept for the next line. */
  const waitFor = (work: Effect.Effect<void, ClientError>, cancelled = NO_ANSWER) =>
    Effect.raceFirst(
      work.pipe(Effect.catch((error) => report(error))),
      Queue.take(events).pipe(
        Effect.tap((event) => Effect.sync(() => (isCtrlC(event) ? undefined : ahead.push(event)))),
        Effect.repeat({ until: isCtrlC }),
        Effect.andThen(
          Effect.suspend(() => {
            ahead.length = 0
            return print(notice(cancelled))
          })
        )
      )
    ).pipe(Effect.interruptible)

  // --- actions

  const status = Effect.suspend(() =>
    link === undefined
      ? print(`${address}: not connected. Type 'reconnect', or any command of the server, to connect.`)
      : Effect.flatMap(ask(PROBE), ({ reply, took }) =>
          print(`${address}: connected${describeServer(reply)}, round trip ${formatNanos(took)}`)
        )
  )

  const leave = Effect.gen(function* () {
    yield* print(GOODBYE)
    if (link !== undefined) yield* link.connection.quit.pipe(Effect.timeoutOption(FAREWELL), Effect.ignore)
  })

  const perform = (action: Exclude<Action, { readonly _tag: "Leave" }>): Effect.Effect<void> => {
    switch (action._tag) {
      case "Nothing":
        return Effect.void
      case "Print":
        return print(action.text)
      case "Refuse":
        return printReply(action.reply)
      case "Send":
        return waitFor(
          Effect.flatMap(ask(action.command), ({ reply, took }) =>
            Effect.andThen(printReply(reply), action.timed ? print(dim(formatNanos(took))) : Effect.void)
          )
        )
      case "Status":
        return waitFor(status)
      case "Reconnect":
        return waitFor(Effect.asVoid(reconnect), NO_CONNECTION)
      case "Clear":
        return terminal.write(CLEAR_SCREEN)
    }
  }

  /** Returns whether the session goes on. */
  const handle = Effect.fnUntraced(function* (event: Event) {
    switch (event._tag) {
      case "Resized":
        return true
      case "Gone":
        return false
      case "Disconnected":
        if (event.from !== link?.connection) return true
        yield* terminal.write(ERASE_ROW)
        yield* report(event.error)
        return true
      case "TimeIsVirtual":
        if (event.from !== link?.connection) return true
        link = { ...link, peer: "virtual" }
        yield* terminal.write(ERASE_ROW)
        yield* print(notice(`Time is virtual here: it is ${event.millis} ms until CLOCK moves it. See 'help CLOCK'.`))
        return true
      case "Key":
        return yield* press(event.key)
    }
  })

  const press = Effect.fnUntraced(function* (key: LineEditor.Key) {
    const { editor: pressed, outcome } = LineEditor.press(editor, key, grammar(peer()))
    const before = editor
    editor = pressed
    if (outcome === undefined) return true
    switch (outcome._tag) {
      case "Submit": {
        yield* terminal.write(LineEditor.renderDone(pressed, view()))
        const longer = History.remember(lines, outcome.line)
        if (longer !== lines) yield* history.add(outcome.line)
        lines = longer
        editor = LineEditor.next(pressed, lines)
        const action = interpret(outcome.line, protocol, peer())
        if (action._tag !== "Leave") return yield* Effect.as(perform(action), true)
        yield* leave
        return false
      }
      case "Cancel":
        yield* terminal.write(LineEditor.renderDone({ ...before, line: `${outcome.line}^C` }, view()))
        editor = LineEditor.next(pressed, lines)
        return true
      case "Interrupt":
        yield* terminal.write(LineEditor.renderDone(pressed, view()))
        yield* print(notice(HOW_TO_LEAVE))
        return true
      case "End":
        yield* terminal.write(LineEditor.renderDone(pressed, view()))
        yield* leave
        return false
      case "Clear":
        yield* terminal.write(CLEAR_SCREEN)
        return true
      case "Offer":
        yield* terminal.write(LineEditor.renderDone(pressed, view()))
        yield* print(outcome.names.join("  "))
        return true
    }
  })

  // If a signal ends the session, the shell's prompt gets a row of its own.
  const nextEvent = Effect.interruptible(Queue.take(events)).pipe(Effect.onInterrupt(() => terminal.write("\n")))

  yield* terminal.listen((event) => {
    Queue.offerUnsafe(events, event)
  })
  yield* waitFor(Effect.andThen(open, print(`Connected to ${address}. ${HELP_HINT}`)), NO_CONNECTION)
  if (link === undefined) yield* print(HELP_HINT)
  let stays = true
  while (stays) {
    // Keys that come together, such as a paste, are drawn once.
    if (ahead.length === 0 && Queue.sizeUnsafe(events) === 0) yield* draw
    const event = ahead.shift() ?? (yield* nextEvent)
    stays = yield* handle(event)
  }
})

/** The part of STATS that a person asks for first. An older server knows no STATS, so nothing is shown for it. */
const describeServer = (reply: Reply): string => {
  if (reply._tag !== "Statistics") return ""
  const { uptime, version } = reply.fields
  if (uptime === undefined || version === undefined) return ""
  const time = uptime === "0" ? "0s" : Duration.format(Duration.seconds(Number(uptime)))
  return `, KV-Cache ${printable(version)}, up for ${time}`
}

const isCtrlC = (event: Event): boolean => event._tag === "Key" && event.key.ctrl === true && event.key.name === "c"
