/**
 * The port between a load test and the protocol that it speaks: requests are made, and replies are read, as places in
 * bytes. One implementation is one protocol; connections know only this.
 *
 * It is not `protocol/Protocol.ts`, which makes commands and replies of bytes: a load test needs neither, knows in advance
 * what it must be answered, and would measure what making them costs.
 */
import type { WorkItem } from "./Workload.ts"

/** What a reply was. */
export type Outcome = "stored" | "hit" | "miss" | "wrong value" | "refused" | "accepted"

/** Asked first on each connection: a server that takes no more of them says so in its answer. */
export const GREETING = -1

/** Nothing was asked: what comes is no reply. */
export const NOTHING = -2

/** What `read` returns in place of an offset: more bytes are needed; what came is no reply of this protocol. */
export const INCOMPLETE = -1
export const MALFORMED = -2

export interface Wire {
  /** The most bytes that a request takes. */
  readonly maxRequestBytes: number
  /** Writes a request, or the greeting, at an offset, and returns the offset behind it. */
  readonly write: (into: Buffer, at: number, item: WorkItem | typeof GREETING) => number
  /**
   * Reads the reply to `asked` (or to `GREETING`, or to `NOTHING`) that begins at `at` and ends before `end`. Returns
   * the offset behind it, `INCOMPLETE` or `MALFORMED`.
   */
  readonly read: (bytes: Buffer, at: number, end: number, asked: WorkItem) => number
  /** What was read last. */
  readonly outcome: Outcome
  /** The words of the last refusal, or what was received where it was malformed; printable. */
  readonly message: string
}
