/**
 * Reads a time to live or a Unix time that a client gives, in seconds or ms, as a deadline of the engine's. Limits are
 * Redis's: the deadline must be after 1 January 1970, and fit into 64 bits as ms of Unix time.
 */
import type { CommandBatch } from "../domain/CommandBatch.ts"
import type { FixedReply } from "../domain/Reply.ts"
import { MAX_DEADLINE } from "../engine/Wheel.ts"
import { bigInteger, integer, MAX_INTEGER, MIN_INTEGER } from "./Arguments.ts"
import type { Execution } from "./Execution.ts"
import { notAnInteger } from "./Replies.ts"

/** What a time is given as. The first two count from now on, the other two are Unix times. */
export const SECONDS = 0
export const MILLIS = 1
export const UNIX_SECONDS = 2
export const UNIX_MILLIS = 3
export type TimeUnit = typeof SECONDS | typeof MILLIS | typeof UNIX_SECONDS | typeof UNIX_MILLIS

/** Instead of a deadline: the argument is no whole number. */
const NOT_A_NUMBER = Number.NaN
/** Instead of a deadline: the time is 0 or less, or too far away. */
const OUT_OF_RANGE = Number.NEGATIVE_INFINITY

const MILLIS_PER_SECOND = 1000

/** What is below this in seconds is exact as ms, and so is the sum with any Unix time. */
const SURELY_IN_RANGE = 2 ** 42

/**
 * The deadline that an argument stands for, in ms as the engine counts them, which may be in the past; or
 * `NOT_A_NUMBER`, or `OUT_OF_RANGE`. Times further away than the engine can count are as far away as it can.
 */
export const deadlineOf = (
  execution: Execution,
  commands: CommandBatch,
  command: number,
  argument: number,
  unit: TimeUnit
): number => {
  const time = integer(commands, command, argument)
  if (time <= 0) return OUT_OF_RANGE
  return deadlineAt(execution, commands, command, argument, unit, time)
}

/** As `deadlineOf`, where the time may be 0 or less: `time`, which the argument is as an integer. */
export const deadlineAt = (
  { now, unixTime }: Execution,
  commands: CommandBatch,
  command: number,
  argument: number,
  unit: TimeUnit,
  time: number
): number => {
  const isRelative = unit === SECONDS || unit === MILLIS
  const factor = unit === SECONDS || unit === UNIX_SECONDS ? MILLIS_PER_SECOND : 1
  if (Math.abs(time) < SURELY_IN_RANGE) return isRelative ? now + time * factor : time * factor - unixTime(now) + now
  if (Number.isNaN(time)) return NOT_A_NUMBER
  const millis = (bigInteger(commands, command, argument) ?? 0n) * BigInt(factor)
  const since = isRelative ? BigInt(unixTime(now)) : 0n
  if (millis > MAX_INTEGER - since || millis < MIN_INTEGER) return OUT_OF_RANGE
  return Math.min(Number(millis + since) - unixTime(now) + now, MAX_DEADLINE)
}

/**
 * Whether a time that a client gave is no deadline, which is answered. `refusal` is for times out of range.
 */
export const isNoDeadline = ({ sink }: Execution, deadline: number, refusal: FixedReply): boolean => {
  if (deadline > OUT_OF_RANGE) return false
  sink.fixed(Number.isNaN(deadline) ? notAnInteger : refusal)
  return true
}
