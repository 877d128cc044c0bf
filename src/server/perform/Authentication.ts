/**
 * AUTH, HELLO with credentials, and what is answered to a client that has yet to say who it is.
 *
 * What a stranger sends is never part of an answer: it gets the same one for whatever it tries.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { DEFAULT_USER } from "../../auth/Authentication.ts"
import { auth, authInLine, hello, ping, quitWithAnswer } from "../../commands/Connection.ts"
import { commands as table, FORBID, HTTP, HTTP_REQUEST, REFUSE_AND_CLOSE } from "../../commands/Commands.ts"
import type { Entry } from "../../commands/Entry.ts"
import { ok, syntaxError } from "../../commands/Replies.ts"
import { quit } from "../../commands/Server.ts"
import type { CommandBatch } from "../../domain/CommandBatch.ts"
import * as Reply from "../../domain/Reply.ts"
import type { ReplyWriter } from "../../protocol/Protocol.ts"
import type { Outcome, Perform, Session, Verdict } from "../Session.ts"
import { MOST_ANSWERS, MOST_FAILURES, type Stranger } from "../Strangers.ts"

/** What the decoders put in place of a request that ends its connection, by the command's id. */
const ends: ReadonlySet<number> = new Set([REFUSE_AND_CLOSE, HTTP, HTTP_REQUEST])

/** What a stranger may send, by the command's id, besides PING. */
const isAllowed: ReadonlyArray<boolean> = table.map(
  (entry, id) => ends.has(id) || [auth, authInLine, hello, quit, quitWithAnswer].includes(entry)
)

const PING = table.indexOf(ping)

const notAuthenticated = new Reply.FixedReply((sink) => sink.error("NOAUTH", "Authentication required."))
const notAuthenticatedInLine = new Reply.FixedReply((sink) =>
  sink.error("NOAUTH", "not authenticated: send AUTH <password>, or AUTH <user> <password>")
)
export const wrongPassword = new Reply.FixedReply((sink) =>
  sink.error("WRONGPASS", "invalid username-password pair or user is disabled.")
)
const tooMany = new Reply.FixedReply((sink) => sink.error(Reply.ERR, "max number of clients reached"))
const wrongPasswordInLine = new Reply.FixedReply((sink) => sink.error("WRONGPASS", "wrong user or password"))

/** Answers a stranger. Returns nothing if the command is to be performed. */
export const answerStranger = (
  session: Session,
  stranger: Stranger,
  commands: CommandBatch,
  command: number,
  replies: ReplyWriter
): Outcome | undefined => {
  const id = commands.id(command)
  const isLast = ++stranger.answers >= MOST_ANSWERS
  if (isLast || ends.has(id)) session.context.strangers.turnAway()
  if (isAllowed[id] === true && !isLast) return undefined
  if (id === PING && commands.argc(command) === 0) replies.simple("PONG")
  else {
    // It is no command's failure: none was begun.
    session.context.executor.statistics.current = FORBID
    replies.fixed(session.isRedis ? notAuthenticated : notAuthenticatedInLine)
  }
  return isLast ? "answered last" : "answered"
}

/**
 * Finds out who a client is, by a name and a password of one character for each byte. If it is welcome, its session is that
 * user's from then on; else there is what it is answered.
 */
export const authenticate = (
  session: Session,
  name: string | undefined,
  password: string
): Effect.Effect<Reply.FixedReply | undefined> => {
  session.awaitVerdict()
  return Effect.map(session.context.authentication.verify(session.link.ip, name, Redacted.make(password)), (user) =>
    refusalOf(session, session.judge(user))
  )
}

const refusalOf = (session: Session, verdict: Verdict): Reply.FixedReply | undefined => {
  switch (verdict) {
    case "welcome":
      return undefined
    case "too many":
      return tooMany
    case "wrong":
      return session.isRedis ? wrongPassword : wrongPasswordInLine
  }
}

/** Whether a client has failed so often that its connection ends. */
export const hasFailed = (failures: number): boolean => failures >= MOST_FAILURES

/** What is answered where no password is known, and none is needed. */
const performWithout = (session: Session, name: string | undefined, replies: ReplyWriter): void => {
  if (!session.isRedis) {
    replies.error(Reply.ERR, "this server has no passwords: whoever connects may do everything")
  } else if (name === undefined) {
    replies.error(
      Reply.ERR,
      "AUTH <password> called without any password configured for the default user. " +
        "Are you sure your configuration is correct?"
    )
  } else if (name === DEFAULT_USER) replies.fixed(ok)
  else replies.fixed(wrongPassword)
}

const performAuth: Perform = (session, commands, command, _now, replies) => {
  const argc = commands.argc(command)
  if (argc > 2) {
    replies.fixed(syntaxError)
    return "answered"
  }
  const name = argc === 2 ? commands.text(command, 0) : undefined
  if (!session.context.authentication.isRequired) {
    performWithout(session, name, replies)
    return "answered"
  }
  return Effect.map(authenticate(session, name, commands.text(command, argc - 1)), (refusal) => (sink) => {
    if (refusal !== undefined) return sink.fixed(refusal)
    if (session.isRedis) return sink.fixed(ok)
    Reply.write(Reply.authenticated, sink)
  })
}

export const authentication: ReadonlyArray<readonly [Entry, Perform]> = [
  [auth, performAuth],
  [authInLine, performAuth]
]
