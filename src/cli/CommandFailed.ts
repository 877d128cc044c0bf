/** How a failed command ends: its message on stderr and the process's exit code. */
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import * as CliError from "effect/cli/CliError"

/** A command failed, and its message, one sentence for the user, is still to be printed. */
export class CommandFailed extends Schema.TaggedError<CommandFailed>()("CommandFailed", {
  /** The exit code. */
  code: Schema.Int,
  message: Schema.String
}) {
  override get [Runtime.errorExitCode]() {
    return this.code
  }

  override get [CliError.userMessage]() {
    return this.message
  }
}

/** A command failed, and the log has said why. The exit code is 1. */
export class FailureLogged extends Schema.TaggedError<FailureLogged>()("FailureLogged", {}) {}
