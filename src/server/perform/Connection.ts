/** The commands that concern the connection. */
import { integer, word } from "../../commands/Arguments.ts"
import { auth, hello, quitWithAnswer, reset, select } from "../../commands/Connection.ts"
import { databaseOf, NO_DATABASE } from "../../commands/Databases.ts"
import type { Entry } from "../../commands/Entry.ts"
import { ok, syntaxError } from "../../commands/Replies.ts"
import { ERR } from "../../domain/Reply.ts"
import type { ReplyWriter } from "../../protocol/Protocol.ts"
import { version as kvCacheVersion } from "../../Version.ts"
import { REDIS_NAME, REDIS_VERSION } from "../RedisVersion.ts"
import type { Perform, Session } from "../Session.ts"
import { BAD_NAME, isName } from "./Client.ts"
import { atOnce } from "./Perform.ts"

/** The only user that there is. */
const USER = "default"

const WRONG_PASSWORD = "invalid username-password pair or user is disabled."

/** Whether a user may enter with a password. There is no password yet, so the only user may with any. */
const isUser = (user: string): boolean => user === USER

const performHello: Perform = atOnce((session, commands, command, _now, replies) => {
  const argc = commands.argc(command)
  let { version } = session
  if (argc > 0) {
    const number = integer(commands, command, 0)
    if (Number.isNaN(number)) return replies.error(ERR, "Protocol version is not an integer or out of range")
    if (number !== 2 && number !== 3) return replies.error("NOPROTO", "unsupported protocol version")
    version = number
  }
  let user = USER
  let { name } = session
  for (let at = 1; at < argc; at++) {
    const option = word(commands, command, at)
    if (option === "AUTH" && at + 2 < argc) {
      user = commands.text(command, at + 1)
      at += 2
    } else if (option === "SETNAME" && at + 1 < argc) {
      name = commands.text(command, ++at)
      if (!isName(name)) return replies.error(ERR, BAD_NAME)
    } else return replies.error(ERR, `Syntax error in HELLO option '${commands.text(command, at)}'`)
  }
  if (!isUser(user)) return replies.error("WRONGPASS", WRONG_PASSWORD)
  session.name = name
  session.version = version
  // The answer is the first one in the new version, unless it is a part of one that has begun.
  writeHello(session, replies.length === 0 ? session.writer.current : replies)
})

const writeHello = (session: Session, replies: ReplyWriter): void => {
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
    auth,
    atOnce((_session, commands, command, _now, replies) => {
      const argc = commands.argc(command)
      if (argc > 2) replies.fixed(syntaxError)
      else if (argc === 1) {
        replies.error(
          ERR,
          "AUTH <password> called without any password configured for the default user. " +
            "Are you sure your configuration is correct?"
        )
      } else if (isUser(commands.text(command, 0))) replies.fixed(ok)
      else replies.error("WRONGPASS", WRONG_PASSWORD)
    })
  ],
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
