/**
 * What the transactions of a server share: who watches which keys, and the executor that they are executed by. What a
 * client has queued is in `Transaction.ts`, what its commands do in `perform/Transactions.ts`.
 */
import type * as Effect from "effect/Effect"
import { AHEAD, commands as table, isValue, LOOK } from "../commands/Commands.ts"
import { PIECE, type ValuesAhead } from "../commands/LargeValue.ts"
import { CommandBatch } from "../domain/CommandBatch.ts"
import { nowhere } from "../domain/Reply.ts"
import type { ExecutorService } from "../store/Executor.ts"
import { KeptReply } from "../store/KeptReply.ts"
import { after } from "./After.ts"
import { LONG_COMMAND, type Transaction } from "./Transaction.ts"
import { Watches } from "./Watches.ts"

export class Transactions {
  readonly executor: ExecutorService
  /** The time in ms. */
  readonly now: () => number
  readonly watches: Watches
  // Transactions are executed one after the other and share a batch. One that has to wait keeps it.
  private batch = new CommandBatch()

  constructor(executor: ExecutorService, now: () => number) {
    this.executor = executor
    this.now = now
    this.watches = new Watches(executor.changes)
  }

  /** A batch to be used until somebody else asks for one, or else to be kept with `keepBatch`. */
  takeBatch(): CommandBatch {
    return this.batch
  }

  /** The batch that was taken last stays with whoever took it. */
  keepBatch(commands: CommandBatch): void {
    if (commands === this.batch) this.batch = new CommandBatch()
  }

  /**
   * Finds out which keys of a database exist at `now`, and passes the answers on, in order. Returns nothing if that is
   * done, or else an Effect that does it.
   */
  look(
    database: number,
    keys: ReadonlyArray<string>,
    now: number,
    onAnswers: (exist: ReadonlyArray<boolean>) => void
  ): Effect.Effect<void> | undefined {
    const commands = new CommandBatch()
    commands.begin(Buffer.from(keys.join(""), "latin1"))
    commands.open(LOOK)
    let start = 0
    for (const { length } of keys) {
      commands.key(start, length)
      start += length
    }
    commands.close()
    const kept = new KeptReply()
    this.executor.prepare(commands)
    return after(this.executor.execute(commands, 0, 1, now, { database }, kept), () => {
      const { reply } = kept
      const parts = reply._tag === "Parts" ? reply.parts : []
      onAnswers(parts.map((part) => part._tag === "Integer" && part.value === 1))
      return undefined
    })
  }

  /**
   * Has the values of a transaction's long commands written before it is executed, so that this takes no longer than for
   * short ones. Returns nothing if there are none.
   */
  writeAhead(transaction: Transaction, database: number, ahead: ValuesAhead): Effect.Effect<void> | undefined {
    let pending: Effect.Effect<void> | undefined = undefined
    const reader = transaction.read()
    for (let batch = new CommandBatch(); reader.readInto(batch); batch = new CommandBatch()) {
      const values = valuesOf(batch)
      if (values !== undefined)
        pending = after(pending, () => this.executor.execute(values, 0, 1, this.now(), { database, ahead }, nowhere))
    }
    return pending
  }
}

/** The values of long commands of a batch, as a command that writes them; if there are any. */
const valuesOf = (batch: CommandBatch): CommandBatch | undefined => {
  const values = new CommandBatch()
  values.begin(batch.bytes)
  values.open(AHEAD)
  let count = 0
  for (let command = 0; command < batch.count; command++) {
    const entry = table[batch.id(command)]
    const argc = batch.argc(command)
    if (entry?.values === undefined || batch.argumentBytes(command) < LONG_COMMAND) continue
    for (let argument = 0; argument < argc; argument++) {
      const length = batch.argLength(command, argument)
      if (length < PIECE || !isValue(entry, argument, argc)) continue
      values.argument(batch.argStart(command, argument), length)
      count++
    }
  }
  values.close()
  return count > 0 ? values : undefined
}
