/** CLIENT TRACKING, CACHING, GETREDIR and TRACKINGINFO. The table of what is tracked is in `server/Tracking.ts`. */
import { integer, word } from "../../commands/Arguments.ts"
import type { Entry } from "../../commands/Entry.ts"
import { notAnInteger, ok, syntaxError } from "../../commands/Replies.ts"
import { clientCaching, clientGetRedir, clientTracking, clientTrackingInfo } from "../../commands/Tracking.ts"
import type { CommandBatch } from "../../domain/CommandBatch.ts"
import { ERR, FixedReply } from "../../domain/Reply.ts"
import type { ReplyWriter } from "../../protocol/Protocol.ts"
import type { Perform, Session } from "../Session.ts"
import type { Tracker, TrackingChoice } from "../Tracking.ts"
import { atOnce } from "./Perform.ts"

/** What is asked for, or what is wrong with it. */
const optionsOf = (session: Session, commands: CommandBatch, command: number) => {
  let redirect = 0
  const words = new Set<string>()
  const prefixes: Array<string> = []
  const argc = commands.argc(command)
  for (let at = 1; at < argc; at++) {
    const option = word(commands, command, at)
    const hasValue = at + 1 < argc
    if (option === "REDIRECT" && hasValue) {
      if (redirect !== 0) return "A client can only redirect to a single other client"
      redirect = integer(commands, command, ++at)
      if (Number.isNaN(redirect)) return notAnInteger
      if (session.context.clients.get(redirect) === undefined) {
        return "The client ID you want redirect to does not exist"
      }
    } else if (option === "PREFIX" && hasValue) prefixes.push(commands.text(command, ++at))
    else if (["BCAST", "OPTIN", "OPTOUT", "NOLOOP"].includes(option)) words.add(option)
    else return syntaxError
  }
  const choice: TrackingChoice = words.has("OPTIN") ? "optin" : words.has("OPTOUT") ? "optout" : "all"
  return {
    redirect,
    choice,
    isContradictory: words.has("OPTIN") && words.has("OPTOUT"),
    isBroadcast: words.has("BCAST"),
    noLoop: words.has("NOLOOP"),
    prefixes
  }
}

const DISABLE_FIRST = "before disabling tracking for this client, and then re-enabling it with a different mode."

/** What keeps a client from being tracked with these options, if anything does. */
const conflictOf = (
  { isBroadcast, choice, isContradictory, prefixes }: Exclude<ReturnType<typeof optionsOf>, string | FixedReply>,
  tracker: Tracker | undefined
): string | undefined => {
  const before = tracker?.options
  if (!isBroadcast && prefixes.length > 0) return "PREFIX option requires BCAST mode to be enabled"
  if (before !== undefined && before.isBroadcast !== isBroadcast) {
    return `You can't switch BCAST mode on/off ${DISABLE_FIRST}`
  }
  if (isBroadcast && choice !== "all") return "OPTIN and OPTOUT are not compatible with BCAST"
  if (isContradictory) return "You can't specify both OPTIN mode and OPTOUT mode"
  if (before !== undefined && before.choice !== "all" && choice !== "all" && before.choice !== choice) {
    return `You can't switch OPTIN/OPTOUT mode ${DISABLE_FIRST}`
  }
  return isBroadcast ? overlapOf(prefixes, tracker) : undefined
}

const NO_OVERLAP = "Prefixes for a single client must not overlap."

/** Two prefixes of a client of which one begins with the other: their keys would be told twice. */
const overlapOf = (prefixes: ReadonlyArray<string>, tracker: Tracker | undefined): string | undefined => {
  const overlap = (one: string, other: string): boolean => one.startsWith(other) || other.startsWith(one)
  for (const [index, prefix] of prefixes.entries()) {
    const existing = [...(tracker?.prefixes ?? [])].toSorted().find((each) => overlap(each, prefix))
    const other = existing ?? prefixes.slice(index + 1).find((each) => overlap(each, prefix))
    if (other === undefined) continue
    const which = existing === undefined ? "another provided" : "an existing"
    return `Prefix '${prefix}' overlaps with ${which} prefix '${other}'. ${NO_OVERLAP}`
  }
  return undefined
}

const refuse = (replies: ReplyWriter, error: string | FixedReply): void => {
  if (error instanceof FixedReply) replies.fixed(error)
  else replies.error(ERR, error)
}

const NOT_TOLD =
  "CLIENT TRACKING is not possible with --engine: others change its keys, too; values that are read often are kept near"

const performTracking: Perform = atOnce((session, commands, command, _now, replies) => {
  const options = optionsOf(session, commands, command)
  if (typeof options === "string" || options instanceof FixedReply) return refuse(replies, options)
  const { tracking } = session.context
  const state = word(commands, command, 0)
  if (state === "ON") {
    const conflict = conflictOf(options, session.tracker)
    if (conflict !== undefined) return refuse(replies, conflict)
    if (!session.context.executor.engine.tellsChanges) return refuse(replies, NOT_TOLD)
    tracking.start(session, options, options.prefixes)
  } else if (state === "OFF") tracking.stop(session)
  else return replies.fixed(syntaxError)
  replies.fixed(ok)
})

const performCaching: Perform = atOnce((session, commands, command, _now, replies) => {
  const { tracker } = session
  if (tracker === undefined) {
    return replies.error(
      ERR,
      "CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled"
    )
  }
  const answer = word(commands, command, 0)
  if (answer !== "YES" && answer !== "NO") return replies.fixed(syntaxError)
  const needed = answer === "YES" ? "optin" : "optout"
  if (tracker.options.choice !== needed) {
    return replies.error(
      ERR,
      `CLIENT CACHING ${answer} is only valid when tracking is enabled in ${needed.toUpperCase()} mode.`
    )
  }
  tracker.isCachingGiven = true
  replies.fixed(ok)
})

const redirectOf = ({ tracker }: Session): number => tracker?.options.redirect ?? -1

/** What CLIENT TRACKINGINFO calls the state of a client. */
const flagsOf = (tracker: Tracker | undefined): ReadonlyArray<string> => {
  if (tracker === undefined) return ["off"]
  const { isBroken, isCachingGiven, options } = tracker
  const { choice, isBroadcast, noLoop } = options
  const flags = ["on"]
  if (isBroadcast) flags.push("bcast")
  if (choice !== "all") {
    flags.push(choice)
    if (isCachingGiven) flags.push(choice === "optin" ? "caching-yes" : "caching-no")
  }
  if (noLoop) flags.push("noloop")
  if (isBroken) flags.push("broken_redirect")
  return flags
}

const performInfo: Perform = atOnce((session, _commands, _command, _now, replies) => {
  const { tracker } = session
  const flags = flagsOf(tracker)
  const prefixes = [...(tracker?.prefixes ?? [])].toSorted()
  replies.map(3)
  replies.text("flags")
  replies.set(flags.length)
  for (const flag of flags) replies.text(flag)
  replies.text("redirect")
  replies.integer(redirectOf(session))
  replies.text("prefixes")
  replies.array(prefixes.length)
  for (const prefix of prefixes) replies.bulk(Buffer.from(prefix, "latin1"), 0, prefix.length)
})

export const tracking: ReadonlyArray<readonly [Entry, Perform]> = [
  [clientTracking, performTracking],
  [clientCaching, performCaching],
  [clientGetRedir, atOnce((session, _commands, _command, _now, replies) => replies.integer(redirectOf(session)))],
  [clientTrackingInfo, performInfo]
]
