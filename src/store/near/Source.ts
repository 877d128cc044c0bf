/**
 * A source of near values: one connection to a master, on which the master says which of the keys that were read have
 * changed since. It knows which of the reads that are under way have been overtaken. Pure: it knows no socket and no value.
 *
 * A reply and what was said after it may be seen in any order: an invalidation is handled as soon as it is parsed, but
 * whoever waits for the reply runs later. So a read notes how often keys like its own had changed when it was sent. If that
 * has become more by the time of its reply, the reply is dirty: it may be answered, but not kept. Keys are alike if their
 * hashes end alike, which makes a few replies dirty that are not, and needs no memory for a read or a key.
 */
import type { CommandBatch } from "../../domain/CommandBatch.ts"

/** So many classes of keys that are alike: 256 KB. */
const CLASSES = 65_536

/** A read that is under way. */
export interface PendingRead {
  readonly source: Source
  /** Whose key is read; the batch lasts until the read has ended. */
  readonly commands: CommandBatch
  /** The key's number in the batch. */
  readonly key: number
  /** How often keys like it had changed when it was sent; `NEVER_KEPT` if its reply is not to be kept whatever comes. */
  readonly changes: number
  /** How often all keys had. */
  readonly sweeps: number
  /** When it was sent, in ms: what it will find is no older. */
  readonly sentAt: number
}

const NEVER_KEPT = -1

const classOf = (hash: number): number => hash & (CLASSES - 1)

export class Source {
  /** A small number: see `NearCache`. */
  readonly number: number
  /** How often it has been opened or lost. */
  generation = 0
  /** Whether what is read from it may be kept. */
  isOpen = false
  /** Reads under way. */
  pending = 0
  // By class of keys. It wraps around after four billion changes, which no read lives through.
  private readonly changes = new Uint32Array(CLASSES)
  private sweeps = 0

  constructor(number: number) {
    this.number = number
  }

  /** A read of a key of a prepared batch is sent at `now`. If it `mayKeep`, and is not overtaken, its reply may be kept. */
  begin(commands: CommandBatch, key: number, now: number, mayKeep: boolean): PendingRead {
    const changes = mayKeep && this.isOpen ? this.changes[classOf(commands.hash(key))]! : NEVER_KEPT
    this.pending++
    return { source: this, commands, key, changes, sweeps: this.sweeps, sentAt: now }
  }

  /** A read has ended, in whatever way. To be called once for each. Returns whether its reply may be kept. */
  end({ changes, commands, key, sweeps }: PendingRead): boolean {
    this.pending--
    return sweeps === this.sweeps && changes === this.changes[classOf(commands.hash(key))]
  }

  /** The key with a hash may have changed. */
  overtake(hash: number): void {
    this.changes[classOf(hash)]!++
  }

  /** Any key may have changed. */
  overtakeAll(): void {
    this.sweeps++
  }

  /** What is read from now on may be kept, or may not. */
  setOpen(isOpen: boolean): void {
    this.generation++
    this.isOpen = isOpen
    this.overtakeAll()
  }
}
