/**
 * The reads of one request whose values are to be kept near. The time that each key has left travels before them, on the
 * same connection: a PTTL for each, and then the GET or MGET. Whether a value may be kept is known when it comes, not when
 * it is answered.
 *
 * A server that tracks is asked to, before each PTTL. It tells of every change after that, the one before the GET too. So
 * what is read and not kept costs it nothing: remembering who has read a key takes it longer than the GET itself.
 */
import type { CommandBatch } from "../../domain/CommandBatch.ts"
import type { NearCache } from "../near/NearCache.ts"
import type { PendingRead } from "../near/Source.ts"
import { bulkOf, frameEnd, integerOf, isError, lineOf, partsIn } from "./Frames.ts"
import { type Outbox, prepared } from "./Outbox.ts"

const PTTL = prepared("PTTL")

/** The next command's key is to be tracked. */
const TRACK = ["CLIENT", "CACHING", "YES"]
const TRACK_BYTES = Buffer.concat(TRACK.map(prepared))

/** What PTTL says of a key that is not there. */
const NOT_THERE_LEFT = -2

export class NearReads {
  private readonly near: NearCache
  private readonly isTracking: boolean
  private readonly reads: Array<PendingRead | undefined> = []
  // What PTTL has said of those that are to be kept, in order.
  private readonly left: Array<number> = []
  private count = 0
  // The server has agreed to track the key of the next PTTL, or tracks none.
  private isTracked: boolean
  private taken = 0
  /** The error in place of an agreement to track a key, or of the time that it has left: its value cannot be kept. */
  refusal: string | undefined = undefined

  /** `isTracking` if the server that is asked tracks keys. */
  constructor(near: NearCache, isTracking: boolean) {
    this.near = near
    this.isTracking = isTracking
    this.isTracked = !isTracking
  }

  /** How many replies come before that to the request. None if nothing is to be kept. */
  get replies(): number {
    return this.isTracking ? 2 * this.count : this.count
  }

  /** Adds a key of the request, in order: it is read from `source` at `now`, and kept or not. */
  add(isKept: boolean, source: number, commands: CommandBatch, key: number, database: number, now: number): void {
    this.reads.push(isKept ? this.near.begin(source, commands, key, database, now) : undefined)
    if (isKept) this.count++
  }

  encode(out: Outbox): void {
    for (const read of this.reads) {
      if (read === undefined) continue
      const { commands, key } = read
      if (this.isTracking) {
        out.begin(TRACK.length)
        out.raw(TRACK_BYTES)
      }
      out.begin(2)
      out.raw(PTTL)
      out.word(commands.bytes, commands.keyStart(key), commands.keyLength(key))
    }
  }

  /** Takes a reply if it is one of those that come before that to the request. Says whether it was. */
  takes(bytes: Buffer, start: number, end: number): boolean {
    if (this.taken === this.replies) return false
    const isAboutTracking = this.isTracking && this.taken % 2 === 0
    this.taken++
    const isRefused = isError(bytes, start)
    if (isRefused) this.refusal = lineOf(bytes, start, end)
    if (isAboutTracking) this.isTracked = !isRefused
    else this.left.push(this.isTracked && !isRefused ? integerOf(bytes, start, end) : NOT_THERE_LEFT)
    return true
  }

  /** The reply is there: one value, or a part for each key. */
  complete(bytes: Buffer, start: number, now: number): void {
    const { left, near, reads } = this
    const { count, first } = partsIn(bytes, start)
    if (isError(bytes, start) || (count > 0 && count !== reads.length)) return this.abandon()
    let at = count === 0 ? start : first
    let kept = 0
    for (const read of reads) {
      if (read !== undefined) near.complete(read, bulkOf(bytes, at), left[kept++] ?? NOT_THERE_LEFT, now)
      if (count > 0) at = frameEnd(bytes, at)
    }
  }

  /** There will be no reply. */
  abandon(): void {
    for (const read of this.reads) if (read !== undefined) this.near.abandon(read)
  }
}
