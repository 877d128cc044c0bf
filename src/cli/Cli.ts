/** The command line: `kv-cache` with its commands, its help, and its error messages. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Argument from "effect/cli/Argument"
import * as CliConfig from "effect/cli/CliConfig"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Logging from "../observability/Logging.ts"
import { settings } from "../server/ServerConfig.ts"
import { version } from "../Version.ts"
import { clientCommand } from "./ClientCommand.ts"
import { CommandFailed } from "./CommandFailed.ts"
import { completionsFlag } from "./Completions.ts"
import * as Help from "./Help.ts"
import { loadTestCommand, loadTestWorkerCommand } from "./LoadTestCommand.ts"
import { serveCommand } from "./ServeCommand.ts"
import { userCommand } from "./UserCommand.ts"

const WRONG_INVOCATION = 1

/** `kv-cache help serve` is `kv-cache serve --help`. */
const helpCommand = Command.make(
  "help",
  { words: Argument.String("command").pipe(Argument.withDescription("Of which command"), Argument.variadic()) },
  ({ words }) => showHelp(words)
).pipe(
  Command.withDescription("Show the help of a command"),
  Command.withExamples([
    { command: "kv-cache help", description: "All commands" },
    { command: "kv-cache help loadtest compare", description: "One of them" }
  ])
)

const root = Command.make("kv-cache").pipe(
  Command.withDescription("An in-memory key-value cache server, its client, and its load tester"),
  Command.withSubcommands([
    serveCommand,
    clientCommand,
    loadTestCommand,
    userCommand,
    helpCommand,
    loadTestWorkerCommand
  ]),
  Command.withExamples([
    { command: "kv-cache serve", description: "Serve on 127.0.0.1:7171" },
    { command: "kv-cache client GET greeting", description: "Ask that server" }
  ])
)

/** The words that lead to a command of this name, wherever it is. */
const pathTo = (name: string, from: Command.Command.Any): ReadonlyArray<string> | undefined => {
  for (const command of from.subcommands.flatMap(({ commands }) => commands)) {
    const below = command.name === name ? [] : pathTo(name, command)
    if (below !== undefined) return [command.name, ...below]
  }
  return undefined
}

const showHelp = Effect.fnUntraced(function* (
  words: ReadonlyArray<string>
): Effect.fn.Return<void, unknown, Command.Environment> {
  let command: Command.Command.Any = root
  for (const word of words) {
    const known: ReadonlyArray<Command.Command.Any> = command.subcommands.flatMap(({ commands }) => commands)
    const next = known.find(({ name }) => name === word)
    if (next === undefined) {
      const path = pathTo(word, root)
      const hint = path === undefined ? "'kv-cache help' lists the commands." : `Try 'kv-cache help ${path.join(" ")}'.`
      const message = `No help for '${word}'. ${hint}`
      return yield* new CommandFailed({ code: WRONG_INVOCATION, message })
    }
    command = next
  }
  yield* Command.runWith(root, { version })([...words, "--help"])
})

/**
 * The width of the terminal that shows the help. Without a terminal, lines stay whole, so that tools can search them.
 */
const columns = (): number => (process.stdout.isTTY === true ? process.stdout.columns : Number.POSITIVE_INFINITY)

/** Errors are one line each on stderr. */
const formatter: CliOutput.Formatter = {
  ...CliOutput.defaultFormatter({ colors: false }),
  formatHelpDoc: (doc) => Help.format(doc, columns()),
  formatError: (error) => `ERROR ${error.message}`
}

/** Whether the log is JSON. If so, an error that keeps the server from starting is JSON too. */
const wantsJson = (args: ReadonlyArray<string>): boolean => {
  if (!args.includes("serve")) return false
  const { environment, flag } = settings.logFormat
  const name = `--${flag}`
  const last = args.findLastIndex((arg) => arg === name || arg.startsWith(`${name}=`))
  const text =
    last < 0 ? process.env[environment] : args[last] === name ? args[last + 1] : args[last]?.slice(name.length + 1)
  return text?.toLowerCase() === "json"
}

const logAsJson = (message: string): Effect.Effect<void> =>
  Effect.provide(Effect.logError(message), Logging.layer({ level: "Error", format: "json" }))

/** Says what was wrong with a bad invocation and where the help is, instead of showing the whole help. */
const presenter: CliOutput.Presenter = {
  present: (event) => {
    if (event._tag !== "InvalidInvocation") return CliOutput.defaultPresenter.present(event)
    if (wantsJson(process.argv)) return logAsJson(event.errors.map(({ message }) => message).join(" "))
    const messages = event.errors.map(formatter.formatError)
    return Console.error([...messages, `Try '${event.commandPath.join(" ")} --help'.`].join("\n"))
  }
}

const layer = Layer.mergeAll(
  NodeServices.layer,
  CliOutput.layer(formatter),
  CliOutput.layerPresenter(presenter),
  // Without the library's wizard and `--log-level`: the latter is a setting of the server, with an environment
  // variable.
  CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version, completionsFlag] })
)

/** The user's mistakes have been reported by now. What remains is a bug of this program. */
const reportDefect = (cause: Cause.Cause<unknown>) =>
  Cause.hasDies(cause) ? Console.error(`This is a bug in KV-Cache.\n${Cause.pretty(cause)}`) : Effect.void

/** The program, to be run by `RunMain.ts`. */
export const cli: Effect.Effect<void, unknown> = Command.run(root, { version }).pipe(
  Effect.provide(layer),
  Effect.tapCause(reportDefect)
)
