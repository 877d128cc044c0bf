/** A client as one line of CLIENT LIST, worded as Redis words it: names and values, with those that a cache lacks at rest. */
import { commands as table } from "../commands/Commands.ts"
import type { Session } from "./Session.ts"

const seconds = (millis: number): number => Math.max(0, Math.floor(millis / 1000))

/** One letter for each thing that is special about a client. */
const flagsOf = (session: Session): string => {
  const { context, isKept, isUntouching, transaction, watch } = session
  const flags = [
    context.observation.isWatching(session) ? "O" : "",
    transaction === undefined ? "" : "x",
    watch?.isBroken === true ? "d" : "",
    isKept ? "e" : "",
    isUntouching ? "T" : ""
  ].join("")
  return flags === "" ? "N" : flags
}

/** How many keys a client watches. */
export const watchedKeys = ({ watch }: Session): number => {
  let count = 0
  for (const keys of watch?.databases.values() ?? []) count += keys.size
  return count
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
    "sub=0",
    "psub=0",
    "ssub=0",
    `multi=${session.transaction?.count ?? -1}`,
    `watch=${watchedKeys(session)}`,
    `qbuf=${link.unexecutedBytes}`,
    "qbuf-free=0",
    "argv-mem=0",
    "multi-mem=0",
    "rbs=0",
    "rbp=0",
    "obl=0",
    "oll=0",
    `omem=${link.unwrittenBytes}`,
    `tot-mem=${link.heldBytes}`,
    "events=r",
    `cmd=${name}`,
    "user=default",
    "redir=-1",
    `resp=${session.version}`,
    `lib-name=${session.libraryName}`,
    `lib-ver=${session.libraryVersion}`
  ].join(" ")
}
