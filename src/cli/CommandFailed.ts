/** How a command ends that did not end well: what is said of it on stderr, and the process's exit code. */
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import * as CliError from "effect/cli/CliError"

/** A command failed, and nobody has said so yet: the message is one sentence for the user. */
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

/** A command failed, and its log has said why. The exit code is 1. */
export class FailureLogged extends Schema.TaggedError<FailureLogged>()("FailureLogged", {}) {}
