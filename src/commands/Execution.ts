/**
 * The context in which commands are executed: the engine, the caller, the instant, and the receiver of the replies. It
 * executes nothing itself.
 */
import type { ReplySink } from "../domain/Reply.ts"
import type { Engine } from "../engine/Engine.ts"
import type { Alarm } from "./Alarm.ts"

/** The properties of a caller that commands depend on. */
export interface Caller {
  /** The database of the caller's keys, counted from 0. */
  readonly database: number
}

export class Execution {
  readonly engine: Engine
  /** Told of every deadline that is set. */
  readonly alarm: Alarm
  database = 0
  /** In ms, an integer that never decreases. All commands executed together have the same instant. */
  now = 0
  sink: ReplySink = nowhere
  /** The numbers of reads that found a value and of reads that did not. */
  hits = 0
  misses = 0

  constructor(engine: Engine, alarm: Alarm) {
    this.engine = engine
    this.alarm = alarm
  }
}

const drop = (): void => {}

/** The receiver of replies before there is a real one. */
const nowhere: ReplySink = {
  begin: drop,
  fixed: drop,
  simple: drop,
  error: drop,
  integer: drop,
  bulk: drop,
  bulkWords: drop,
  bulkReader: (reader) => reader.close(),
  null: drop
}
