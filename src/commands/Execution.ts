/** What commands are executed with: the keys, the instant, and where the reply goes. */
import type { ReplySink } from "../domain/Reply.ts"
import type { PackedKeyspace } from "../store/PackedKeyspace.ts"

export class Execution {
  readonly keyspace: PackedKeyspace
  /** ms, an integer that never decreases: the same for all commands that are executed together. */
  now = 0
  sink: ReplySink = nowhere
  /** Reads that found a value, and reads that did not. */
  hits = 0
  misses = 0

  constructor(keyspace: PackedKeyspace) {
    this.keyspace = keyspace
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
  null: drop
}
