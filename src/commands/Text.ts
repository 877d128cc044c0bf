/**
 * The text protocol's commands for clients that speak Redis's protocol, where the arguments were not checked on the way.
 * Those that take any arguments have one entry for both.
 */
import { MAX_TTL_SECONDS, TTL_MESSAGE } from "../domain/Command.ts"
import { ERR, FixedReply } from "../domain/Reply.ts"
import { type Entry, parseDigits } from "./Entry.ts"
import { executePut, put } from "./Strings.ts"

const wrongTtl = new FixedReply((sink) => sink.error(ERR, TTL_MESSAGE))

/** Key and value may be any bytes. */
export const putBytes: Entry = {
  ...put,
  protocols: ["resp"],
  toInput: undefined,
  execute: (execution, commands, command) => {
    const isTimed = commands.argc(command) > 2
    if (isTimed && !(parseDigits(commands.text(command, 2)) <= MAX_TTL_SECONDS)) return execution.sink.fixed(wrongTtl)
    executePut(execution, commands, command)
  }
}
