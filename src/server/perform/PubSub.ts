/** SUBSCRIBE and UNSUBSCRIBE, and what a client of RESP2 may send while it listens. */
import { ping, quitWithAnswer, reset } from "../../commands/Connection.ts"
import { commands as table, FORBID, REFUSE, REFUSE_AND_CLOSE } from "../../commands/Commands.ts"
import type { Entry } from "../../commands/Entry.ts"
import { subscribe, unsubscribe } from "../../commands/PubSub.ts"
import type { CommandBatch } from "../../domain/CommandBatch.ts"
import { ERR } from "../../domain/Reply.ts"
import type { ReplyWriter } from "../../protocol/Protocol.ts"
import type { Outcome, Perform, Session } from "../Session.ts"
import { atOnce } from "./Perform.ts"

const PING = table.indexOf(ping)

/** What a client of RESP2 may send while it listens, by the command's id, besides PING. */
const isAllowed: ReadonlyArray<boolean> = table.map(
  (entry, id) =>
    id === FORBID || id === REFUSE_AND_CLOSE || [subscribe, unsubscribe, quitWithAnswer, reset].includes(entry)
)

/**
 * Answers a command that a client of RESP2 has sent while it listens, since what it reads are messages then. Returns
 * nothing if the command is to be performed.
 */
export const answerListener = (commands: CommandBatch, command: number, replies: ReplyWriter): Outcome | undefined => {
  const id = commands.id(command)
  if (isAllowed[id] === true) return undefined
  if (id === REFUSE) replies.error(ERR, commands.message(command))
  else if (id === PING) {
    replies.array(2)
    replies.text("pong")
    if (commands.argc(command) === 0) replies.text("")
    else replies.bulk(commands.bytes, commands.argStart(command, 0), commands.argLength(command, 0))
  } else {
    const name = table[id]?.name.toLowerCase() ?? ""
    replies.error(
      ERR,
      `Can't execute '${name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`
    )
  }
  return "answered"
}

const confirm = (session: Session, replies: ReplyWriter, kind: string, channel: string | undefined): void => {
  replies.push(3)
  replies.text(kind)
  if (channel === undefined) replies.null()
  else replies.bulk(Buffer.from(channel, "latin1"), 0, channel.length)
  replies.integer(session.channels?.size ?? 0)
}

const channelsOf = (commands: CommandBatch, command: number): ReadonlyArray<string> =>
  Array.from({ length: commands.argc(command) }, (_, argument) => commands.text(command, argument))

/** Bytes of memory that a channel takes beyond those of its name. */
const CHANNEL_BYTES = 100

export const leaveChannels = (session: Session, channels: Iterable<string> = session.channels ?? []): void => {
  for (const channel of channels) {
    if (session.channels?.delete(channel) === true) session.hold(-(CHANNEL_BYTES + channel.length))
  }
  if (session.channels?.size === 0) session.channels = undefined
}

/** What is here to listen to are messages of CLIENT TRACKING, which no client of an engine gets. */
const NOTHING_TO_HEAR = "SUBSCRIBE is not possible with --engine: listen to the engine itself"

export const pubSub: ReadonlyArray<readonly [Entry, Perform]> = [
  [
    subscribe,
    atOnce((session, commands, command, _now, replies) => {
      if (!session.context.executor.engine.tellsChanges) return replies.error(ERR, NOTHING_TO_HEAR)
      const channels = (session.channels ??= new Set())
      for (const channel of channelsOf(commands, command)) {
        if (!channels.has(channel)) {
          channels.add(channel)
          session.hold(CHANNEL_BYTES + channel.length)
        }
        confirm(session, replies, "subscribe", channel)
      }
      session.step()
    })
  ],
  [
    unsubscribe,
    atOnce((session, commands, command, _now, replies) => {
      const named = channelsOf(commands, command)
      const channels = named.length === 0 ? [...(session.channels ?? [])] : named
      if (channels.length === 0) confirm(session, replies, "unsubscribe", undefined)
      for (const channel of channels) {
        leaveChannels(session, [channel])
        confirm(session, replies, "unsubscribe", channel)
      }
      session.step()
    })
  ]
]
