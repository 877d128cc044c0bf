/**
 * The port between a load test and its protocol. Requests are written and replies are read as offsets in bytes. Each
 * implementation is one protocol, and connections know only this port.
 *
 * It is not `protocol/Protocol.ts`, which makes commands and replies from bytes. A load test knows its expected replies
 * in advance and needs neither. Making them would cost time, and the load test would measure it.
 */
import type { WorkItem } from "./Workload.ts"

/** The meaning of a reply. */
export type Outcome = "stored" | "hit" | "miss" | "wrong value" | "refused" | "accepted"

/** The first request on each connection. A server that takes no more connections says so in its answer. */
export const GREETING = -1

/** Nothing was requested, so whatever arrives is not a reply. */
export const NOTHING = -2

/** Returned by `read` in place of an offset: more bytes are needed, or the bytes are no reply of this protocol. */
export const INCOMPLETE = -1
export const MALFORMED = -2

/** What a load test speaks: this project's text protocol, or Redis's in one of its versions. */
export const PROTOCOLS = ["text", "resp2", "resp3"] as const
export type LoadProtocol = (typeof PROTOCOLS)[number]

export interface PlainCredentials {
  /** Absent for the user `default`. */
  readonly user?: string | undefined
  readonly password: string
}

export interface Wire {
  /** What is driven, as a person would call it. */
  readonly server: string
  /** The longest request in bytes. */
  readonly maxRequestBytes: number
  /** Writes a request or the greeting at an offset and returns the offset after it. */
  readonly write: (into: Buffer, at: number, item: WorkItem | typeof GREETING) => number
  /**
   * Reads the reply to `asked` (or to `GREETING` or `NOTHING`) that begins at `at`; the bytes end before `end`. Returns
   * the offset after the reply, `INCOMPLETE` or `MALFORMED`.
   */
  readonly read: (bytes: Buffer, at: number, end: number, asked: WorkItem) => number
  /** The meaning of the last reply. */
  readonly outcome: Outcome
  /** The text of the last refusal, with `<key>` for the key, or what was received if it was malformed. Printable. */
  readonly message: string
}
