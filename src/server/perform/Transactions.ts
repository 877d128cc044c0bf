/**
 * MULTI, EXEC, DISCARD, WATCH and UNWATCH, and what becomes of a command that is sent within a transaction.
 *
 * Errors, and what is not queued, are Redis's (https://redis.io/docs/latest/develop/using-commands/transactions/).
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import { commands as table, FORBID, REFUSE, REFUSE_AND_CLOSE } from "../../commands/Commands.ts"
import { quitWithAnswer } from "../../commands/Connection.ts"
import { quit } from "../../commands/Server.ts"
import type { Entry } from "../../commands/Entry.ts"
import { NOPERM } from "../../commands/Refusals.ts"
import { ok } from "../../commands/Replies.ts"
import { discard, exec, multi, unwatch, watch } from "../../commands/Transactions.ts"
import { ValuesAhead } from "../../commands/LargeValue.ts"
import { CommandBatch } from "../../domain/CommandBatch.ts"
import * as Reply from "../../domain/Reply.ts"
import type { ReplyWriter } from "../../protocol/Protocol.ts"
import { after } from "../After.ts"
import type { EngineTransactions } from "../../store/Executor.ts"
import type { Outcome, Perform, Session } from "../Session.ts"
import { MOST_QUEUED, Transaction, type TransactionReader } from "../Transaction.ts"
import type { Transactions } from "../Transactions.ts"
import { Watch } from "../Watches.ts"

const queued = new Reply.FixedReply((sink) => sink.simple("QUEUED"))
const aborted = new Reply.FixedReply((sink) =>
  sink.error("EXECABORT", "Transaction discarded because of previous errors.")
)

/** What is performed within a transaction, by the command's id. All others are queued. */
const isPerformedAtOnce: ReadonlyArray<boolean> = table.map(
  (entry, id) =>
    id === REFUSE_AND_CLOSE ||
    [multi, exec, discard, watch, quit, quitWithAnswer].includes(entry) ||
    // Forgets the transaction.
    entry.name === "RESET"
)

const MISCOUNTED_EXEC = "wrong number of arguments for 'exec' command"

/** Queues a command of a client's transaction. Returns nothing if the command is to be performed at once. */
export const queue = (
  session: Session,
  transaction: Transaction,
  commands: CommandBatch,
  command: number,
  replies: ReplyWriter
): Outcome | undefined => {
  const id = commands.id(command)
  if (isPerformedAtOnce[id] === true) return undefined
  if (id === REFUSE) {
    const message = commands.message(command)
    transaction.isAborted = true
    if (message !== MISCOUNTED_EXEC) replies.error(Reply.ERR, message)
    else {
      replies.error("EXECABORT", `Transaction discarded because of: ${message}`)
      forget(session)
    }
  } else if (id === FORBID) {
    transaction.isAborted = true
    replies.error(NOPERM, commands.message(command))
  } else if (session.context.executor.transactions?.refuses(id) !== undefined) {
    transaction.isAborted = true
    replies.error(Reply.ERR, session.context.executor.transactions.refuses(id) ?? "")
  } else if (transaction.count >= MOST_QUEUED) {
    transaction.isAborted = true
    replies.error(Reply.ERR, `a transaction may have ${MOST_QUEUED} commands`)
  } else {
    const before = transaction.heldBytes
    transaction.add(commands, command)
    replies.fixed(queued)
    session.hold(transaction.heldBytes - before)
  }
  return "answered"
}

/** Forgets what a client has queued and what it watches. */
export const forget = (session: Session): void => {
  const { transaction } = session
  if (transaction !== undefined) session.hold(-transaction.heldBytes)
  session.transaction = undefined
  session.step()
  forgetWatch(session)
}

const forgetWatch = (session: Session): void => {
  session.engineWatch?.end()
  session.engineWatch = undefined
  const { watch } = session
  if (watch === undefined) return
  session.context.transactions.watches.delete(watch)
  session.hold(-watch.bytes)
  session.watch = undefined
}

const watchKeys: Perform = (session, commands, command, now, replies) => {
  if (session.transaction !== undefined) {
    replies.error(Reply.ERR, "WATCH inside MULTI is not allowed")
    return "answered"
  }
  const { database } = session
  const { executor, transactions } = session.context
  if (executor.transactions !== undefined) return watchInEngine(session, executor.transactions, commands, command)
  const watch = (session.watch ??= new Watch())
  const keys = Array.from({ length: commands.argc(command) }, (_, argument) => commands.text(command, argument))
  const pending = transactions.look(database, keys, now, (exist) => {
    // It may have gone while it waited.
    if (session.watch !== watch) return
    const before = watch.bytes
    for (const [index, key] of keys.entries()) transactions.watches.add(watch, database, key, exist[index] === true)
    session.hold(watch.bytes - before)
  })
  if (pending !== undefined) return Effect.as(pending, (sink) => sink.fixed(ok))
  replies.fixed(ok)
  return "answered"
}

/** The engine watches the keys itself, whoever changes them. */
const watchInEngine = (
  session: Session,
  transactions: EngineTransactions,
  commands: CommandBatch,
  command: number
): Outcome => {
  const keys = Array.from({ length: commands.argc(command) }, (_, argument) =>
    Buffer.from(commands.text(command, argument), "latin1")
  )
  const { done, watch } = transactions.watch(session.engineWatch, session.database, keys)
  session.engineWatch = watch
  return Effect.map(done, (error) => (sink) => {
    if (error === undefined) sink.fixed(ok)
    else putLine(error, sink)
  })
}

const putLine = (line: string, sink: Reply.ReplySink): void => {
  const space = line.indexOf(" ")
  sink.error(line.slice(0, space), line.slice(space + 1))
}

/** The engine executes all of it. */
const executeInEngine = (
  session: Session,
  transactions: EngineTransactions,
  transaction: Transaction,
  replies: ReplyWriter
): Outcome => {
  const { executor } = session.context
  const batches: Array<CommandBatch> = []
  const rest = transaction.read()
  for (let batch = new CommandBatch(); rest.readInto(batch); batch = new CommandBatch()) {
    executor.prepare(batch)
    batches.push(batch)
  }
  const watch = session.engineWatch
  session.engineWatch = undefined
  forget(session)
  if (batches.length === 0 && watch === undefined) {
    replies.array(0)
    return "answered"
  }
  // Others put their replies elsewhere meanwhile.
  session.writer.lend()
  return Effect.as(transactions.execute(batches, watch, session, replies), replies)
}

const execute: Perform = (session, _commands, _command, now, replies) => {
  const { transaction, watch } = session
  if (transaction === undefined) {
    replies.error(Reply.ERR, "EXEC without MULTI")
    return "answered"
  }
  if (transaction.isAborted) {
    forget(session)
    replies.fixed(aborted)
    return "answered"
  }
  const { transactions } = session.context.executor
  if (transactions !== undefined) return executeInEngine(session, transactions, transaction, replies)
  const execution = new Execution(session, transaction, replies)
  const shared = session.context.transactions
  // If the client leaves while it waits, what it watches is not watched any more.
  const isBroken = (): boolean => watch !== undefined && (watch.isBroken || session.watch !== watch)
  const ahead = transaction.isLong ? new ValuesAhead() : undefined
  const written =
    ahead === undefined || isBroken() ? undefined : shared.writeAhead(transaction, session.database, ahead)
  const instant = written === undefined ? () => now : shared.now
  const looked = after(written, () =>
    watch === undefined || isBroken() ? undefined : lookAgain(session, watch, instant())
  )
  const begun = after(looked, () => {
    const wasBroken = isBroken()
    forget(session)
    if (!wasBroken) return execution.begin(instant(), ahead)
    replies.nullArray()
    return undefined
  })
  const pending = begun === undefined || ahead === undefined ? begun : Effect.ensuring(begun, abandoned(ahead))
  if (pending === undefined) return execution.isLast ? "answered last" : "answered"
  // Others put their replies elsewhere meanwhile.
  session.writer.lend()
  return Effect.as(pending, replies)
}

const abandoned = (ahead: ValuesAhead): Effect.Effect<void> => Effect.sync(() => ahead.abandon())

/** A watched key that has come or gone has changed. */
const lookAgain = (session: Session, watch: Watch, now: number): Effect.Effect<void> | undefined => {
  let pending: Effect.Effect<void> | undefined = undefined
  for (const [database, keys] of watch.databases) {
    const before = [...keys.values()]
    pending = after(pending, () =>
      session.context.transactions.look(database, [...keys.keys()], now, (exist) => {
        if (before.some((existed, index) => existed !== exist[index])) watch.isBroken = true
      })
    )
  }
  return pending
}

/** One EXEC that executes. */
class Execution {
  /** Whether the connection ends with it. */
  isLast = false
  private readonly session: Session
  private readonly transaction: Transaction
  private readonly rest: TransactionReader
  private readonly transactions: Transactions
  private readonly replies: ReplyWriter
  private commands = noCommands
  private now = 0
  // Where in the batch it is.
  private next = 0
  private end = 0

  constructor(session: Session, transaction: Transaction, replies: ReplyWriter) {
    this.session = session
    this.transaction = transaction
    this.rest = transaction.read()
    this.transactions = session.context.transactions
    this.replies = replies
  }

  /** Begins at `now`, with values that were written ahead, if any were. */
  begin(now: number, ahead: ValuesAhead | undefined): Effect.Effect<void> | undefined {
    this.now = now
    this.session.ahead = ahead
    this.commands = this.transactions.takeBatch()
    this.replies.array(this.transaction.count)
    this.session.isExecuting = true
    return this.goOn()
  }

  private goOn(): Effect.Effect<void> | undefined {
    const { commands, transactions } = this
    while (!this.isLast) {
      if (this.next === this.end) {
        if (!this.rest.readInto(commands)) break
        this.session.forbid(commands, 0)
        transactions.executor.prepare(commands)
        this.next = 0
        this.end = commands.count
      }
      const pending = this.session.performs(commands, this.next) ? this.perform() : this.execute()
      if (pending === undefined) continue
      transactions.keepBatch(commands)
      return after(pending, () => {
        this.now = transactions.now()
        // It may be another user's from here on.
        this.session.forbid(commands, this.next)
        return this.goOn()
      })
    }
    this.session.isExecuting = false
    this.session.ahead = undefined
    return undefined
  }

  /** Has as many commands executed as are not the session's own to perform. */
  private execute(): Effect.Effect<void> | undefined {
    const { commands, next, session } = this
    let to = next + 1
    while (to < this.end && !session.performs(commands, to)) to++
    to = this.next = session.rangeEnd(commands, next, to)
    session.isAtomic = true
    const pending = this.transactions.executor.execute(commands, next, to, this.now, session, this.replies)
    session.isAtomic = false
    return after(pending, () => {
      session.executed(commands, next, to)
      return undefined
    })
  }

  private perform(): Effect.Effect<void> | undefined {
    const { replies } = this
    const outcome = this.session.perform(this.commands, this.next++, this.now, replies)
    if (!Predicate.isString(outcome)) {
      return Effect.map(outcome, (late) => {
        if (Predicate.isFunction(late)) late(replies)
      })
    }
    this.isLast = outcome !== "answered"
    return undefined
  }
}

const noCommands = new CommandBatch()

export const transactions: ReadonlyArray<readonly [Entry, Perform]> = [
  [
    multi,
    (session, _commands, _command, _now, replies) => {
      if (session.transaction !== undefined) replies.error(Reply.ERR, "MULTI calls can not be nested")
      else {
        session.transaction = new Transaction()
        session.hold(session.transaction.heldBytes)
        session.step()
        replies.fixed(ok)
      }
      return "answered"
    }
  ],
  [exec, execute],
  [
    discard,
    (session, _commands, _command, _now, replies) => {
      if (session.transaction === undefined) replies.error(Reply.ERR, "DISCARD without MULTI")
      else {
        forget(session)
        replies.fixed(ok)
      }
      return "answered"
    }
  ],
  [watch, watchKeys],
  [
    unwatch,
    (session, _commands, _command, _now, replies) => {
      forgetWatch(session)
      replies.fixed(ok)
      return "answered"
    }
  ]
]
