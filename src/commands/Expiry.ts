/**
 * Commands that concern the deadline of a key. Clients give and are told Unix time or what is left of it; the engine
 * counts in its own ms, which a step of the wall clock does not move.
 */
import type { CommandBatch } from "../domain/CommandBatch.ts"
import { ERR, FixedReply } from "../domain/Reply.ts"
import { NOT_THERE, STORED } from "../engine/Engine.ts"
import { NEVER } from "../engine/Wheel.ts"
import { integer, isWord, quoted } from "./Arguments.ts"
import { deadlineAt, isNoDeadline, MILLIS, SECONDS, type TimeUnit, UNIX_MILLIS, UNIX_SECONDS } from "./Deadlines.ts"
import type { Entry, Execute } from "./Entry.ts"
import type { Execution } from "./Execution.ts"
import { find, findKey } from "./Find.ts"
import { invalidExpireTime, one, outOfMemory, zero } from "./Replies.ts"
import { remove } from "./StringValue.ts"

const MILLIS_PER_SECOND = 1000

const incompatible = new FixedReply((sink) =>
  sink.error(ERR, "NX and XX, GT or LT options at the same time are not compatible")
)
const contradictory = new FixedReply((sink) => sink.error(ERR, "GT and LT options at the same time are not compatible"))

// --- EXPIRE and its variants

// The conditions under which a deadline is set, as bits.
const NX = 1
const XX = 2
const GT = 4
const LT = 8
/** Instead of conditions: what was wrong with them is answered. */
const WRONG = -1

const conditionsOf = ({ sink }: Execution, commands: CommandBatch, command: number): number => {
  let conditions = 0
  for (let argument = 2; argument < commands.argc(command); argument++) {
    if (isWord(commands, command, argument, "NX")) conditions |= NX
    else if (isWord(commands, command, argument, "XX")) conditions |= XX
    else if (isWord(commands, command, argument, "GT")) conditions |= GT
    else if (isWord(commands, command, argument, "LT")) conditions |= LT
    else {
      sink.error(ERR, `Unsupported option ${quoted(commands, command, argument)}`)
      return WRONG
    }
  }
  if ((conditions & NX) !== 0 && conditions !== NX) sink.fixed(incompatible)
  else if ((conditions & GT) !== 0 && (conditions & LT) !== 0) sink.fixed(contradictory)
  else return conditions
  return WRONG
}

/** Whether a deadline may replace the present one, of which each is infinite if there is none. */
const isMet = (conditions: number, present: number, deadline: number): boolean =>
  !((conditions & NX) !== 0 && present !== NEVER) &&
  !((conditions & XX) !== 0 && present === NEVER) &&
  !((conditions & GT) !== 0 && deadline <= present) &&
  !((conditions & LT) !== 0 && deadline >= present)

const executeExpire =
  (unit: TimeUnit, outOfRange: FixedReply): Execute =>
  (execution, commands, command) => {
    const { alarm, engine, now, sink } = execution
    const conditions = commands.argc(command) === 2 ? 0 : conditionsOf(execution, commands, command)
    if (conditions === WRONG) return
    const deadline = deadlineAt(execution, commands, command, 1, unit, integer(commands, command, 1))
    if (isNoDeadline(execution, deadline, outOfRange)) return
    const key = commands.firstKey(command)
    const entry = findKey(execution, commands, key)
    if (entry === NOT_THERE || !isMet(conditions, engine.deadline(entry), deadline)) return sink.fixed(zero)
    if (deadline <= now) {
      remove(execution, commands, key, entry)
      return sink.fixed(one)
    }
    if (engine.setDeadline(entry, deadline, now) !== STORED) return sink.fixed(outOfMemory)
    alarm.due(deadline)
    execution.changed(commands, key)
    sink.fixed(one)
  }

const expiring = (name: string, since: string, time: string, summary: string, unit: TimeUnit): Entry => ({
  name,
  group: "generic",
  since,
  protocols: ["resp"],
  arity: { min: 2, max: Number.POSITIVE_INFINITY },
  keys: { first: 0, last: 0 },
  flags: ["write", "fast"],
  usage: `${name} key ${time} [NX | XX | GT | LT]`,
  summary,
  details: [
    "NX: only if the key has no deadline. XX: only if it has one.",
    "GT, LT: only if the deadline becomes later, or earlier; none is the latest.",
    "A deadline in the past removes the key."
  ],
  execute: executeExpire(unit, invalidExpireTime(name.toLowerCase()))
})

const expire = expiring("EXPIRE", "1.0.0", "seconds", "Let a key expire in so many seconds", SECONDS)
const pexpire = expiring("PEXPIRE", "2.6.0", "milliseconds", "Let a key expire in so many ms", MILLIS)
const expireAt = expiring("EXPIREAT", "1.2.0", "unix-time-seconds", "Let a key expire at a Unix time", UNIX_SECONDS)
const pexpireAt = expiring(
  "PEXPIREAT",
  "2.6.0",
  "unix-time-milliseconds",
  "Let a key expire at a Unix time in ms",
  UNIX_MILLIS
)

// --- TTL and its variants

const NO_KEY = -2
const NO_DEADLINE = -1

/** Seconds are rounded, the half up, as Redis does. */
const executeTtl = (unit: TimeUnit): Execute => {
  const isUnixTime = unit === UNIX_SECONDS || unit === UNIX_MILLIS
  const millis = unit === SECONDS || unit === UNIX_SECONDS ? MILLIS_PER_SECOND : 1
  return (execution, commands, command) => {
    const { engine, now, sink } = execution
    const entry = find(execution, commands, command)
    if (entry === NOT_THERE) return sink.integer(NO_KEY)
    const deadline = engine.deadline(entry)
    if (deadline === NEVER) return sink.integer(NO_DEADLINE)
    const time = deadline - now + (isUnixTime ? execution.unixTime(now) : 0)
    sink.integer(Math.floor((time + (millis >> 1)) / millis))
  }
}

const telling = (name: string, since: string, summary: string, unit: TimeUnit): Entry => ({
  name,
  group: "generic",
  since,
  protocols: ["resp"],
  arity: { min: 1, max: 1 },
  keys: { first: 0, last: 0 },
  flags: ["read", "fast"],
  usage: `${name} key`,
  summary,
  details: ["-1: the key does not expire. -2: there is no such key."],
  execute: executeTtl(unit)
})

const ttl = telling("TTL", "1.0.0", "Tell in how many seconds a key expires", SECONDS)
const pttl = telling("PTTL", "2.6.0", "Tell in how many ms a key expires", MILLIS)
const expireTime = telling("EXPIRETIME", "7.0.0", "Tell the Unix time at which a key expires", UNIX_SECONDS)
const pexpireTime = telling("PEXPIRETIME", "7.0.0", "Tell the Unix time in ms at which a key expires", UNIX_MILLIS)

const persist: Entry = {
  name: "PERSIST",
  group: "generic",
  since: "2.2.0",
  protocols: ["resp"],
  arity: { min: 1, max: 1 },
  keys: { first: 0, last: 0 },
  flags: ["write", "fast"],
  usage: "PERSIST key",
  summary: "Let a key not expire any more",
  details: [],
  execute: (execution, commands, command) => {
    const { engine, now, sink } = execution
    const entry = find(execution, commands, command)
    if (entry === NOT_THERE || engine.deadline(entry) === NEVER) return sink.fixed(zero)
    engine.setDeadline(entry, NEVER, now)
    execution.changed(commands, commands.firstKey(command))
    sink.fixed(one)
  }
}

/** In the order in which they are shown. */
export const expiry: ReadonlyArray<Entry> = [
  expire,
  pexpire,
  expireAt,
  pexpireAt,
  ttl,
  pttl,
  expireTime,
  pexpireTime,
  persist
]
