/**
 * `kv-cache client`: a session at a terminal, one command from the arguments, or many from a pipe.
 *
 * It chooses one of these and turns the outcome into an exit code. The work itself is in `client/`.
 */
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import * as Stdio from "effect/Stdio"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { connect } from "../client/ClientConnection.ts"
import type { ClientError } from "../client/ClientError.ts"
import { type ConnectOptions, DEFAULT_TIMEOUT } from "../client/ClientSocket.ts"
import * as History from "../client/History.ts"
import * as Pipe from "../client/Pipe.ts"
import * as Repl from "../client/Repl.ts"
import * as ReplyText from "../client/ReplyText.ts"
import * as ServerUrl from "../client/ServerUrl.ts"
import { processTerminal } from "../client/Terminal.ts"
import * as Reply from "../domain/Reply.ts"
import { textProtocol } from "../protocol/text/TextProtocol.ts"
import { parseDuration } from "../server/ServerConfig.ts"
import { fileReason } from "../SystemReason.ts"
import { CommandFailed } from "./CommandFailed.ts"
import { parsedFlag } from "./ParsedFlag.ts"
import { credentialFlags, credentialsOf, type GivenCredentials, urlFlag } from "./ServerFlags.ts"
import { serverPort } from "./ServerPort.ts"
import { fromSettingWithSource, type Sourced } from "./SettingFlag.ts"
import { type GivenTls, tlsFlags, tlsOf } from "./TlsFlags.ts"

/** The exit code of a command that was answered with an ERROR. */
const REFUSED = 1

/** The exit code if there is no connection, or if it was lost before everything was answered. */
const DISCONNECTED = 2

/** The command was answered with an ERROR, which has been printed. */
class CommandRefused extends Schema.TaggedError<CommandRefused>()("CommandRefused", {}) {
  override readonly [Runtime.errorExitCode] = REFUSED
}

interface Settings {
  readonly connection: ConnectOptions
  readonly raw: boolean
}

const disconnected = (error: ClientError) => new CommandFailed({ code: DISCONNECTED, message: error.message })

const oneShot = Effect.fnUntraced(function* (words: ReadonlyArray<string>, { connection: options, raw }: Settings) {
  const format: ReplyText.Format = { protocol: textProtocol, raw }
  const request = ReplyText.readLine(words.map(asWord).join(" "), textProtocol)
  const reply =
    request._tag === "Malformed" ? Reply.failed(request.message) : yield* Effect.scoped(ask(request, options))
  if (reply === undefined) return
  const isError = ReplyText.isError(reply)
  const line = ReplyText.toLine(reply, format)
  // A script that asks for the value only must not take an error for it.
  yield* raw && isError ? Console.error(line) : Console.log(line)
  if (isError) return yield* new CommandRefused()
})

const ask = Effect.fnUntraced(function* (
  request: Exclude<ReturnType<typeof ReplyText.readLine>, { readonly _tag: "Malformed" }>,
  options: ConnectOptions
) {
  const connection = yield* connect(options, textProtocol)
  if (request._tag === "Quit") return yield* Effect.as(connection.quit, undefined)
  const [reply] = yield* connection.execute([request])
  return reply
}, Effect.mapError(disconnected))

/**
 * A word of the shell is one word of the protocol, so quoted blanks must not split it. They are replaced by a character
 * that no word may contain. So the refusal names the part that is wrong.
 */
const asWord = (word: string): string => (word === "" ? NOT_A_WORD : word.replaceAll(/\s/g, NOT_A_WORD))

const NOT_A_WORD = "\0"

const pipe = Effect.fnUntraced(function* ({ connection: options, raw }: Settings) {
  const stdio = yield* Stdio.Stdio
  const connection = yield* Effect.mapError(connect(options, textProtocol), disconnected)
  yield* Pipe.run(connection, stdio.stdin, writeStdout, { protocol: textProtocol, raw }).pipe(
    Effect.catchTags({
      PipeStopped: ({ message, reason }) =>
        Effect.fail(new CommandFailed({ code: reason === "connection" ? DISCONNECTED : REFUSED, message })),
      PlatformError: (error) =>
        Effect.fail(new CommandFailed({ code: REFUSED, message: `Cannot read the commands: ${fileReason(error)}.` }))
    })
  )
}, Effect.scoped)

/** Completes when the reader has room for more. If what is written is lost, `RunMain.ts` ends the process. */
const writeStdout = (bytes: Buffer): Effect.Effect<void> =>
  Effect.callback((resume) => {
    process.stdout.write(bytes, (error) => {
      if (error === null || error === undefined) resume(Effect.void)
    })
  })

const repl = Effect.fnUntraced(function* ({ connection, raw }: Settings) {
  const file = yield* History.location
  yield* Repl.run({
    connection,
    raw,
    protocol: textProtocol,
    terminal: processTerminal,
    history: file === undefined ? History.none : yield* History.inFile(file),
    colors: yield* wantsColors
  })
}, Effect.scoped)

/** See no-color.org. */
const wantsColors = Config.option(Config.String("NO_COLOR")).pipe(
  Effect.map((value) => Option.getOrElse(value, () => "") === ""),
  Effect.orElseSucceed(() => true)
)

/** Whether input and output are a terminal that understands escape sequences. */
const isInteractive = Effect.gen(function* () {
  const stdio = yield* Stdio.Stdio
  const term = yield* Config.option(Config.String("TERM")).pipe(Effect.orElseSucceed(() => Option.none<string>()))
  return (yield* stdio.stdinIsTerminal) && (yield* stdio.stdoutIsTerminal) && Option.getOrUndefined(term) !== "dumb"
})

// --- flags

const MIN_TIMEOUT = Duration.millis(1)
const MAX_TIMEOUT = Duration.days(1)

const timeout = parsedFlag({
  flag: "timeout",
  metavar: "duration",
  description:
    "Longest wait for a connection, and for an answer, such as 500ms; a plain number is seconds (default: 5s)",
  expected: "a duration from 1ms to 1d, such as 500ms, 5s, or a number of seconds",
  parse: (text) => Option.filter(parseDuration(text), Duration.between({ minimum: MIN_TIMEOUT, maximum: MAX_TIMEOUT }))
}).pipe(Flag.withDefault(DEFAULT_TIMEOUT))

const port = fromSettingWithSource(serverPort)

const host = Flag.String("host").pipe(
  Flag.withMetavar("address"),
  Flag.withDescription("Address or name of the server (default: localhost)"),
  Flag.optional
)

interface Given extends GivenCredentials, GivenTls {
  readonly host: Option.Option<string>
  readonly port: Sourced<number>
  readonly timeout: Duration.Duration
}

const DEFAULT_HOST = "localhost"

const toConnectOptions = Effect.fnUntraced(function* (given: Given) {
  const { host, port, timeout } = given
  const url = Option.getOrUndefined(given.url)
  if (url !== undefined && (Option.isSome(host) || port.isFlag)) {
    const message = "--url excludes --host and --port: give host and port once."
    return yield* new CommandFailed({ code: REFUSED, message })
  }
  const options: ConnectOptions = {
    host: url?.host ?? Option.getOrElse(host, () => DEFAULT_HOST),
    port: url?.port ?? port.value,
    credentials: yield* credentialsOf(given),
    tls: yield* tlsOf({ ...given, tls: given.tls || url?.isTls === true }, DISCONNECTED),
    connectTimeout: timeout,
    requestTimeout: timeout
  }
  return options
})

const raw = Flag.Boolean("raw").pipe(Flag.withDescription("Of a GET print only the value"), Flag.withDefault(false))

const words = Argument.String("command").pipe(
  Argument.withDescription(
    "One command, such as GET foo, whose answer is printed: exit code 0 for OK, 1 for ERROR, 2 without a connection. " +
      "Without it, commands are read from a terminal or a pipe. Before words that begin with a dash, write --"
  ),
  Argument.variadic()
)

const client = Effect.fnUntraced(function* ({
  raw,
  words,
  ...given
}: Given & { readonly raw: boolean; readonly words: ReadonlyArray<string> }) {
  const [first = ""] = words
  // As a command it would send the password to whatever server is the default one.
  if (ServerUrl.isUrl(first)) {
    const message = `A server's URL goes behind --url: kv-cache client --url ${ServerUrl.withoutPassword(first)}`
    return yield* new CommandFailed({ code: REFUSED, message })
  }
  const settings: Settings = { connection: yield* toConnectOptions(given), raw }
  if (words.length > 0) return yield* Effect.interruptible(oneShot(words, settings))
  if (yield* isInteractive) yield* repl(settings)
  else yield* Effect.interruptible(pipe(settings))
})

export const clientCommand = Command.make(
  "client",
  { host, port, url: urlFlag, ...credentialFlags, ...tlsFlags, timeout, raw, words },
  client
).pipe(
  Command.withDescription("Talk to a server: at a terminal, from a pipe, or with one command"),
  Command.withExamples([
    { command: "kv-cache client", description: "A session at the terminal" },
    { command: "kv-cache client PUT greeting hello 60", description: "One command: store a value for a minute" }
  ])
)
