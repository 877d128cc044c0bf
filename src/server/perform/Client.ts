/** CLIENT: what a connection is called and how it is treated, and the connections of others. */
import { integer, isWord, word } from "../../commands/Arguments.ts"
import {
  clientGetName,
  clientId,
  clientInfo,
  clientKill,
  clientList,
  clientNoEvict,
  clientNoTouch,
  clientPause,
  clientReply,
  clientSetInfo,
  clientSetName,
  clientUnblock,
  clientUnpause
} from "../../commands/Client.ts"
import type { Entry } from "../../commands/Entry.ts"
import { notAnInteger, ok, syntaxError, zero } from "../../commands/Replies.ts"
import type { CommandBatch } from "../../domain/CommandBatch.ts"
import { ERR } from "../../domain/Reply.ts"
import { clientLine } from "../ClientLine.ts"
import type { Perform, Session } from "../Session.ts"
import { atOnce, texts } from "./Perform.ts"

export const BAD_NAME = "Client names cannot contain spaces, newlines or special characters."

/** Whether a text may be a client's name, or that of its library: printable ASCII without spaces, or nothing. */
export const isName = (text: string): boolean => /^[\x21-\x7e]*$/.test(text)

/** What connections may be asked for. Here all are normal ones. */
const TYPES: ReadonlySet<string> = new Set(["normal", "master", "replica", "slave", "pubsub"])

const lines = (sessions: Iterable<Session>, now: number): string =>
  Array.from(sessions, (session) => `${clientLine(session, now)}\n`).join("")

const performList: Perform = atOnce((session, commands, command, now, replies) => {
  const { clients } = session.context
  const argc = commands.argc(command)
  if (argc === 0) return replies.verbatim(lines(clients, now))
  if (argc === 2 && isWord(commands, command, 0, "TYPE")) {
    const type = commands.text(command, 1)
    if (!TYPES.has(type.toLowerCase())) return replies.error(ERR, `Unknown client type '${type}'`)
    return replies.verbatim(type.toLowerCase() === "normal" ? lines(clients, now) : "")
  }
  if (argc < 2 || !isWord(commands, command, 0, "ID")) return replies.fixed(syntaxError)
  const found: Array<Session> = []
  for (let at = 1; at < argc; at++) {
    const id = integer(commands, command, at)
    if (Number.isNaN(id)) return replies.error(ERR, "Invalid client ID")
    const client = clients.get(id)
    if (client !== undefined) found.push(client)
  }
  replies.verbatim(lines(found, now))
})

/** Whom CLIENT KILL is to close, or what is wrong with its filter. */
const readFilter = (
  commands: CommandBatch,
  command: number,
  now: number,
  users: ReadonlySet<string>
): { readonly filters: ReadonlyArray<(client: Session) => boolean>; readonly skipsCaller: boolean } | string => {
  const filters: Array<(client: Session) => boolean> = []
  let skipsCaller = true
  const argc = commands.argc(command)
  for (let at = 0; at < argc; at += 2) {
    if (at + 1 === argc) return "syntax error"
    const value = commands.text(command, at + 1)
    const number = integer(commands, command, at + 1)
    switch (word(commands, command, at)) {
      case "ID":
        if (!(number > 0)) return "client-id should be greater than 0"
        filters.push((client) => client.id === number)
        break
      case "MAXAGE":
        if (Number.isNaN(number)) return "maxage is not an integer or out of range"
        if (number <= 0) return "maxage should be greater than 0"
        filters.push((client) => now - client.createdAt >= number * 1000)
        break
      case "TYPE":
        if (!TYPES.has(value.toLowerCase())) return `Unknown client type '${value}'`
        filters.push(() => value.toLowerCase() === "normal")
        break
      case "ADDR":
        filters.push((client) => client.link.peer === value)
        break
      case "LADDR":
        filters.push((client) => client.link.local === value)
        break
      case "USER":
        if (!users.has(value)) return `No such user '${value}'`
        filters.push((client) => client.user.name === value)
        break
      case "SKIPME":
        if (value.toLowerCase() !== "yes" && value.toLowerCase() !== "no") return "syntax error"
        skipsCaller = value.toLowerCase() === "yes"
        break
      default:
        return "syntax error"
    }
  }
  return { filters, skipsCaller }
}

const performKill: Perform = (session, commands, command, now, replies) => {
  const isOldForm = commands.argc(command) === 1
  const address = commands.text(command, 0)
  const filter = isOldForm
    ? { filters: [({ link }: Session) => link.peer === address], skipsCaller: false }
    : readFilter(commands, command, now, new Set(session.context.authentication.users().map(({ name }) => name)))
  if (typeof filter === "string") {
    replies.error(ERR, filter)
    return "answered"
  }
  const doomed = Array.from(session.context.clients).filter(
    (client) => !(filter.skipsCaller && client === session) && filter.filters.every((isMeant) => isMeant(client))
  )
  for (const client of doomed) if (client !== session) client.link.kill()
  if (!isOldForm) replies.integer(doomed.length)
  else if (doomed.length > 0) replies.fixed(ok)
  else replies.error(ERR, "No such client")
  // Its own connection ends behind the answer.
  return doomed.includes(session) ? "answered last" : "answered"
}

/** The answer to a command whose only argument is ON or OFF. */
const performSwitch = (set: (session: Session, isOn: boolean) => void): Perform =>
  atOnce((session, commands, command, _now, replies) => {
    const isOn = isWord(commands, command, 0, "ON")
    if (!isOn && !isWord(commands, command, 0, "OFF")) return replies.fixed(syntaxError)
    set(session, isOn)
    replies.fixed(ok)
  })

export const client: ReadonlyArray<readonly [Entry, Perform]> = [
  [
    clientGetName,
    atOnce(({ name }, _commands, _command, _now, replies) => {
      if (name === "") replies.null()
      else replies.text(name)
    })
  ],
  [
    clientSetName,
    atOnce((session, commands, command, _now, replies) => {
      const name = commands.text(command, 0)
      if (!isName(name)) return replies.error(ERR, BAD_NAME)
      session.name = name
      replies.fixed(ok)
    })
  ],
  [clientId, atOnce(({ id }, _commands, _command, _now, replies) => replies.integer(id))],
  [
    clientInfo,
    atOnce((session, _commands, _command, now, replies) => replies.verbatim(`${clientLine(session, now)}\n`))
  ],
  [clientList, performList],
  [
    clientSetInfo,
    atOnce((session, commands, command, _now, replies) => {
      const [attribute = "", value = ""] = texts(commands, command)
      const namesLibrary = attribute.toLowerCase() === "lib-name"
      if (!namesLibrary && attribute.toLowerCase() !== "lib-ver") {
        return replies.error(ERR, `Unrecognized option '${attribute}'`)
      }
      if (!isName(value)) {
        return replies.error(ERR, `${attribute} cannot contain spaces, newlines or special characters.`)
      }
      if (namesLibrary) session.libraryName = value
      else session.libraryVersion = value
      replies.fixed(ok)
    })
  ],
  [clientKill, performKill],
  [clientNoEvict, performSwitch((session, isOn) => (session.isKept = isOn))],
  [clientNoTouch, performSwitch((session, isOn) => (session.isUntouching = isOn))],
  [
    clientReply,
    atOnce((session, commands, command, _now, replies) => {
      switch (word(commands, command, 0)) {
        case "ON":
          session.isSilent = false
          session.answersToDrop = 0
          return replies.fixed(ok)
        case "OFF":
          session.isSilent = true
          return undefined
        case "SKIP":
          // Its own, which there is not, and the next one.
          if (!session.isSilent) session.answersToDrop = 2
          return undefined
        default:
          return replies.fixed(syntaxError)
      }
    })
  ],
  [
    clientPause,
    atOnce(({ context }, commands, command, now, replies) => {
      const mode = commands.argc(command) === 1 ? "ALL" : word(commands, command, 1)
      if (mode !== "ALL" && mode !== "WRITE") return replies.error(ERR, "CLIENT PAUSE mode must be WRITE or ALL")
      const millis = integer(commands, command, 0)
      if (Number.isNaN(millis)) return replies.error(ERR, "timeout is not an integer or out of range")
      if (millis < 0) return replies.error(ERR, "timeout is negative")
      context.pause.begin(mode === "ALL" ? "all" : "write", now + millis)
      replies.fixed(ok)
    })
  ],
  [
    clientUnpause,
    atOnce(({ context }, _commands, _command, _now, replies) => {
      context.pause.end()
      replies.fixed(ok)
    })
  ],
  [
    clientUnblock,
    atOnce((_session, commands, command, _now, replies) => {
      if (commands.argc(command) === 2) {
        const reason = word(commands, command, 1)
        if (reason !== "TIMEOUT" && reason !== "ERROR") {
          return replies.error(ERR, "CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
        }
      }
      if (Number.isNaN(integer(commands, command, 0))) return replies.fixed(notAnInteger)
      // No command of this server waits for another client's.
      replies.fixed(zero)
    })
  ]
]
