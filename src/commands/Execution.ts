/** What commands are executed with: the engine, who asks, the instant, and where the reply goes. */
import type { ReplySink } from "../domain/Reply.ts"
import type { Engine } from "../engine/Engine.ts"
import type { Alarm } from "./Alarm.ts"

/** Whoever gives commands, as far as they depend on that. */
export interface Caller {
  /** The database that its keys are in, counted from 0. */
  readonly database: number
}

export class Execution {
  readonly engine: Engine
  /** To be told of every deadline that is set. */
  readonly alarm: Alarm
  database = 0
  /** ms, an integer that never decreases: the same for all commands that are executed together. */
  now = 0
  sink: ReplySink = nowhere
  /** Reads that found a value, and reads that did not. */
  hits = 0
  misses = 0

  constructor(engine: Engine, alarm: Alarm) {
    this.engine = engine
    this.alarm = alarm
  }
}

const drop = (): void => {}

/** Where replies go before there is somebody to have them. */
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
