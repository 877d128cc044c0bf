/** The commands that concern the connection. */
import * as Effect from "effect/Effect"
import { DEFAULT_USER } from "../../auth/Authentication.ts"
import { integer, word } from "../../commands/Arguments.ts"
import { hello, quitWithAnswer, reset, select } from "../../commands/Connection.ts"
import { databaseOf, NO_DATABASE } from "../../commands/Databases.ts"
import type { Entry } from "../../commands/Entry.ts"
import { ok } from "../../commands/Replies.ts"
import type { CommandBatch } from "../../domain/CommandBatch.ts"
import { ERR, type ReplySink } from "../../domain/Reply.ts"
import type { ReplyWriter } from "../../protocol/Protocol.ts"
import type { RespVersion } from "../../protocol/resp/RespReplyWriter.ts"
import { version as kvCacheVersion } from "../../Version.ts"
import { REDIS_NAME, REDIS_VERSION } from "../RedisVersion.ts"
import type { Perform, Session } from "../Session.ts"
import { authenticate, wrongPassword } from "./Authentication.ts"
import { BAD_NAME, isName } from "./Client.ts"
import { atOnce } from "./Perform.ts"

/** A stranger's HELLO, in Redis's words. */
const NO_AUTH =
  "HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can " +
  "be used to authenticate the client and select the RESP protocol version at the same time"

/** What a HELLO asks for. */
interface Hello {
  readonly version: RespVersion
  readonly name: string
  readonly credentials: { readonly user: string; readonly password: string } | undefined
}

/** Reads a HELLO, or answers what is wrong with it. */
const readHello = (session: Session, commands: CommandBatch, command: number, replies: ReplyWriter): Hello | void => {
  const argc = commands.argc(command)
  let { version } = session
  if (argc > 0) {
    const number = integer(commands, command, 0)
    if (Number.isNaN(number)) return replies.error(ERR, "Protocol version is not an integer or out of range")
    if (number !== 2 && number !== 3) return replies.error("NOPROTO", "unsupported protocol version")
    version = number
  }
  let credentials: Hello["credentials"] = undefined
  let { name } = session
  for (let at = 1; at < argc; at++) {
    const option = word(commands, command, at)
    if (option === "AUTH" && at + 2 < argc) {
      credentials = { user: commands.text(command, at + 1), password: commands.text(command, at + 2) }
      at += 2
    } else if (option === "SETNAME" && at + 1 < argc) {
      name = commands.text(command, ++at)
      if (!isName(name)) return replies.error(ERR, BAD_NAME)
    } else {
      // A stranger's words are not repeated.
      const which = session.stranger === undefined ? ` option '${commands.text(command, at)}'` : ""
      return replies.error(ERR, `Syntax error in HELLO${which}`)
    }
  }
  return { version, name, credentials }
}

const performHello: Perform = (session, commands, command, _now, replies) => {
  const read = readHello(session, commands, command, replies)
  if (read === undefined) return "answered"
  const { credentials, name, version } = read
  const greet = (into: ReplyWriter): void => {
    session.name = name
    session.version = version
    // The answer is the first one in the new version, unless it is a part of one that has begun.
    writeHello(session, into.length === 0 ? session.writer.current : into)
  }
  if (!session.context.authentication.isRequired) {
    if (credentials === undefined || credentials.user === DEFAULT_USER) greet(replies)
    else replies.fixed(wrongPassword)
    return "answered"
  }
  if (credentials !== undefined) {
    return Effect.map(authenticate(session, credentials.user, credentials.password), (refusal) => (into) => {
      if (refusal === undefined) greet(into)
      else into.fixed(refusal)
    })
  }
  if (session.stranger === undefined) greet(replies)
  else replies.error("NOAUTH", NO_AUTH)
  return "answered"
}

const writeHello = (session: Session, replies: ReplySink): void => {
  replies.map(8)
  replies.text("server")
  replies.text(REDIS_NAME)
  replies.text("version")
  replies.text(REDIS_VERSION)
  replies.text("proto")
  replies.integer(session.version)
  replies.text("id")
  replies.integer(session.id)
  replies.text("mode")
  replies.text("standalone")
  replies.text("role")
  replies.text("master")
  replies.text("modules")
  replies.array(0)
  replies.text("kv_cache_version")
  replies.text(kvCacheVersion)
}

export const connection: ReadonlyArray<readonly [Entry, Perform]> = [
  [hello, performHello],
  [
    select,
    atOnce((session, commands, command, _now, replies) => {
      const database = databaseOf({ sink: replies }, commands, command, 0)
      if (database === NO_DATABASE) return
      if (database >= session.context.executor.engine.databases) {
        return replies.error(ERR, "SELECT is not allowed in cluster mode")
      }
      session.database = database
      replies.fixed(ok)
    })
  ],
  [
    quitWithAnswer,
    ({ context }, _commands, _command, _now, replies) => {
      context.counters.quits++
      replies.fixed(ok)
      return "answered last"
    }
  ],
  [
    reset,
    atOnce((session, _commands, _command, _now, replies) => {
      session.reset()
      replies.simple("RESET")
    })
  ]
]
