/**
 * What a shell completes: commands and flags, as the library finds them, and the values of flags that are listed here.
 * The library does not know these values, because the program reads and refuses the texts of flags itself.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as CompletionScript from "effect/cli/Completions"
import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import { type Setting, settings } from "../server/ServerConfig.ts"

type ValueType = CompletionScript.FlagType & CompletionScript.ArgumentType

const file: ValueType = { _tag: "Path", pathType: "file" }

const allSettings: ReadonlyArray<Setting<unknown>> = Object.values(settings)

/** The values, by the names of flags and arguments. */
const valueTypes: ReadonlyMap<string, ValueType> = new Map([
  ...allSettings.flatMap(({ choices: values, flag }): ReadonlyArray<readonly [string, ValueType]> =>
    values === undefined ? [] : [[flag, { _tag: "Choice", values }]]
  ),
  ...["output", "report", "password-file", "users-file", "a.json", "b.json"].map((name) => [name, file] as const)
])

const withValues = (command: CompletionScript.CommandDescriptor): CompletionScript.CommandDescriptor => ({
  ...command,
  flags: command.flags.map((flag) => ({ ...flag, type: valueTypes.get(flag.name) ?? flag.type })),
  arguments: command.arguments.map((argument) => ({
    ...argument,
    type: valueTypes.get(argument.name) ?? argument.type
  })),
  subcommands: command.subcommands.map(withValues)
})

const SHELLS: ReadonlyArray<CompletionScript.Shell> = ["bash", "zsh", "fish", "powershell"]

/** What the library leaves out: the flag of this file, which is every command's, and the commands that `help` takes. */
const withTheRest = (root: CompletionScript.CommandDescriptor): CompletionScript.CommandDescriptor => {
  const topics: ValueType = { _tag: "Choice", values: namesBelow(root) }
  return {
    ...root,
    flags: [
      ...root.flags,
      { name: "completions", aliases: [], description: DESCRIPTION, type: { _tag: "Choice", values: SHELLS } }
    ],
    subcommands: root.subcommands.map((command) =>
      command.name === "help"
        ? { ...command, arguments: command.arguments.map((argument) => ({ ...argument, type: topics })) }
        : command
    )
  }
}

const namesBelow = ({ subcommands }: CompletionScript.CommandDescriptor): ReadonlyArray<string> =>
  subcommands.flatMap((command) => [command.name, ...namesBelow(command)])

const DESCRIPTION = "Print a completion script for a shell"

/** `--completions`: prints a script that a shell reads. */
export const completionsFlag = GlobalFlag.Action({
  flag: GlobalFlag.Completions.flag.pipe(Flag.withMetavar("shell"), Flag.withDescription(DESCRIPTION)),
  run: (shell, { command }) =>
    Option.match(shell, {
      onNone: () => Effect.void,
      onSome: (name) =>
        Console.log(
          CompletionScript.generate(command.name, name, withTheRest(withValues(CompletionScript.fromCommand(command))))
        )
    })
})
