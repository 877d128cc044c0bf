/** How many keys there are, by the number of the database. */
export type Keyspace = ReadonlyArray<{
  /** The number of keys, those that have expired and are not yet removed included. */
  readonly keys: number
  /** The number of keys with a deadline. */
  readonly timed: number
}>
