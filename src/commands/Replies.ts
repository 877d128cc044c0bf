/** Replies that several commands give, worded as Redis words them. */
import { ERR, FixedReply } from "../domain/Reply.ts"

export const ok = new FixedReply((sink) => sink.simple("OK"))
export const zero = new FixedReply((sink) => sink.integer(0))
export const one = new FixedReply((sink) => sink.integer(1))
export const syntaxError = new FixedReply((sink) => sink.error(ERR, "syntax error"))
export const notAnInteger = new FixedReply((sink) => sink.error(ERR, "value is not an integer or out of range"))
export const notADouble = new FixedReply((sink) => sink.error(ERR, "value is not a valid float"))
/** A key holds another type than the command is for. */
export const wrongType = new FixedReply((sink) =>
  sink.error("WRONGTYPE", "Operation against a key holding the wrong kind of value")
)
export const noSuchKey = new FixedReply((sink) => sink.error(ERR, "no such key"))
/** The limit or the system leaves no room, even after evicting. */
export const outOfMemory = new FixedReply((sink) =>
  sink.error("OOM", "command not allowed when used memory > 'maxmemory'.")
)

/** For what follows a name: the whole name of a command, in small letters. */
export const invalidExpireTime = (name: string): FixedReply =>
  new FixedReply((sink) => sink.error(ERR, `invalid expire time in '${name}' command`))
export const wrongArity = (name: string): FixedReply =>
  new FixedReply((sink) => sink.error(ERR, `wrong number of arguments for '${name}' command`))
