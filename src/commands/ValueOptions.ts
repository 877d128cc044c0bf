/**
 * The options of SET and GETEX, in any order: which go together and which may be repeated is as in Redis. Reused, so that
 * a command with options makes no object.
 */
import type { CommandBatch } from "../domain/CommandBatch.ts"
import { isWord } from "./Arguments.ts"
import { MILLIS, SECONDS, type TimeUnit, UNIX_MILLIS, UNIX_SECONDS } from "./Deadlines.ts"

// What `flags` consists of.
/** Only if the key is not there, only if it is. */
export const NX = 1
export const XX = 2
/** Answer with the value before. */
export const GET_OLD = 4
/** Keep the deadline. */
export const KEEP_TTL = 8
/** Remove the deadline. */
export const PERSIST = 16

/** No time is given. */
export const NO_UNIT = -1

export class ValueOptions {
  flags = 0
  /** What the time is given as, if it is. */
  unit: TimeUnit | typeof NO_UNIT = NO_UNIT
  /** The argument that is the time. */
  time = 0

  /** Reads the arguments of a command from `first` on: of a SET, or else of a GETEX. Returns whether they are right. */
  parse(commands: CommandBatch, command: number, first: number, isSet: boolean): boolean {
    this.flags = 0
    this.unit = NO_UNIT
    const argc = commands.argc(command)
    for (let argument = first; argument < argc; argument++) {
      const unit = unitOf(commands, command, argument)
      if (unit !== NO_UNIT) {
        const isAnother = this.unit !== NO_UNIT && this.unit !== unit
        if (isAnother || (this.flags & (KEEP_TTL | PERSIST)) !== 0 || argument + 1 === argc) return false
        this.unit = unit
        this.time = ++argument
        continue
      }
      const flag = flagOf(commands, command, argument, isSet)
      if (flag === 0 || (this.flags & against(flag)) !== 0) return false
      if ((flag & (KEEP_TTL | PERSIST)) !== 0 && this.unit !== NO_UNIT) return false
      this.flags |= flag
    }
    return true
  }
}

const unitOf = (commands: CommandBatch, command: number, argument: number): TimeUnit | typeof NO_UNIT => {
  if (isWord(commands, command, argument, "EX")) return SECONDS
  if (isWord(commands, command, argument, "PX")) return MILLIS
  if (isWord(commands, command, argument, "EXAT")) return UNIX_SECONDS
  return isWord(commands, command, argument, "PXAT") ? UNIX_MILLIS : NO_UNIT
}

/** The flag that an argument is, or 0. */
const flagOf = (commands: CommandBatch, command: number, argument: number, isSet: boolean): number => {
  if (!isSet) return isWord(commands, command, argument, "PERSIST") ? PERSIST : 0
  if (isWord(commands, command, argument, "NX")) return NX
  if (isWord(commands, command, argument, "XX")) return XX
  if (isWord(commands, command, argument, "GET")) return GET_OLD
  return isWord(commands, command, argument, "KEEPTTL") ? KEEP_TTL : 0
}

/** The flags that cannot go with one. */
const against = (flag: number): number => (flag === NX ? XX : flag === XX ? NX : 0)
