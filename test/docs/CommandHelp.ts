/** What the commands' `--help` is made from, for pages that must say the same. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as CliConfig from "effect/cli/CliConfig"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import type { FlagDoc, HelpDoc } from "effect/cli/HelpDoc"
import { clientCommand } from "../../src/cli/ClientCommand.ts"
import { loadTestCommand } from "../../src/cli/LoadTestCommand.ts"
import { serveCommand } from "../../src/cli/ServeCommand.ts"

const commands = Command.make("kv-cache").pipe(Command.withSubcommands([serveCommand, clientCommand, loadTestCommand]))

/** The help of a command, by its words: `help("loadtest", "compare")`. */
export const help = (...words: ReadonlyArray<string>): Effect.Effect<HelpDoc> => {
  const shown: Array<HelpDoc> = []
  const presenter: CliOutput.Presenter = {
    present: (event) => Effect.sync(() => void ("helpDoc" in event && shown.push(event.helpDoc)))
  }
  return Command.runWith(commands, { version: "0" })([...words, "--help"]).pipe(
    Effect.provide(
      Layer.mergeAll(
        NodeServices.layer,
        CliOutput.layerPresenter(presenter),
        CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions] })
      )
    ),
    Effect.orDie,
    Effect.andThen(Effect.suspend(() => Effect.fromNullishOr(shown[0]))),
    Effect.orDie
  )
}

/** A flag's names, the longest first: `--connections`, `-c`. */
export const namesOf = ({ aliases, name }: FlagDoc): ReadonlyArray<string> => [`--${name}`, ...aliases]

/** Where the help has a default or choices in brackets, what is said in them; and what is left. */
const cut = (text: string, name: string): { readonly found: string | undefined; readonly rest: string } => {
  const found = new RegExp(` \\(${name}: ([^)]*)\\)`).exec(text)
  return { found: found?.[1], rest: found === null ? text : text.replace(found[0], "") }
}

/** What a flag does, and its default: the help has them in one sentence, `Requests in flight (default: 1)`. */
export const describe = ({ description, type }: FlagDoc): { readonly text: string; readonly default: string } => {
  const choices = cut(
    Option.getOrElse(description, () => ""),
    "choices"
  )
  const fallback = cut(choices.rest, "default")
  return {
    text:
      choices.found === undefined
        ? fallback.rest
        : `${fallback.rest}: ${choices.found.replace(/, ([^,]*)$/, " or $1")}`,
    default: (fallback.found ?? (type === "boolean" ? "off" : "none")).replace(/; environment: (\w+)$/, ", or `$1`")
  }
}
