/** A client as one line of CLIENT LIST, worded as Redis words it: names and values, with those that a cache lacks at rest. */
import { commands as table } from "../commands/Commands.ts"
import type { Session } from "./Session.ts"

const seconds = (millis: number): number => Math.max(0, Math.floor(millis / 1000))

/** One letter for each thing that is special about a client. */
const flagsOf = (session: Session): string => {
  const { context, isKept, isSubscribed, isUntouching, tracker, transaction, watch } = session
  const flags = [
    context.observation.isWatching(session) ? "O" : "",
    isSubscribed ? "P" : "",
    transaction === undefined ? "" : "x",
    watch?.isBroken === true ? "d" : "",
    tracker === undefined ? "" : "t",
    tracker?.isBroken === true ? "R" : "",
    tracker?.options.isBroadcast === true ? "B" : "",
    isKept ? "e" : "",
    isUntouching ? "T" : ""
  ].join("")
  return flags === "" ? "N" : flags
}

/** `now` is in ms. */
export const clientLine = (session: Session, now: number): string => {
  const { link } = session
  const name = table[session.lastCommand]?.name.toLowerCase() ?? "NULL"
  return [
    `id=${session.id}`,
    `addr=${link.peer}`,
    `laddr=${link.local}`,
    `fd=${link.descriptor}`,
    `name=${session.name}`,
    `age=${seconds(now - session.createdAt)}`,
    `idle=${seconds(now - link.activeAt)}`,
    `flags=${flagsOf(session)}`,
    `db=${session.database}`,
    `sub=${session.channels?.size ?? 0}`,
    "psub=0",
    "ssub=0",
    `multi=${session.transaction?.count ?? -1}`,
    `watch=${session.watch?.count ?? 0}`,
    `qbuf=${link.unexecutedBytes}`,
    "qbuf-free=0",
    "argv-mem=0",
    `multi-mem=${session.transaction?.heldBytes ?? 0}`,
    "rbs=0",
    "rbp=0",
    "obl=0",
    "oll=0",
    `omem=${link.unwrittenBytes}`,
    `tot-mem=${link.heldBytes}`,
    "events=r",
    `cmd=${name}`,
    `user=${session.user.name}`,
    `redir=${session.tracker?.options.redirect ?? -1}`,
    `resp=${session.version}`,
    `lib-name=${session.libraryName}`,
    `lib-ver=${session.libraryVersion}`
  ].join(" ")
}
