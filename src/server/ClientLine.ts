/** A client as one line of CLIENT LIST, worded as Redis words it: names and values, with those that a cache lacks at rest. */
import { commands as table } from "../commands/Commands.ts"
import type { Session } from "./Session.ts"

const seconds = (millis: number): number => Math.max(0, Math.floor(millis / 1000))

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
    "flags=N",
    `db=${session.database}`,
    "sub=0",
    "psub=0",
    "ssub=0",
    "multi=-1",
    "watch=0",
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
