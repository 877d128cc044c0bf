/**
 * Numbered records of eight words, one for each entry: its links in the order of use and in the timing wheel, its
 * deadline, and where its bytes are. Pure storage: what the words mean is said by those who use them.
 *
 * The records lie in chunks of fixed size, so that growing allocates one chunk and copies nothing: it takes the same few
 * microseconds at five million entries as at five thousand. A record is 32 bytes, half a cache line: what one operation
 * needs of an entry comes with one access to memory.
 */

/** Words of a record, by use. */
export const NEWER = 0
export const OLDER = 1
export const WHEEL_NEXT = 2
export const WHEEL_PREVIOUS = 3
/** The deadline is a double, in the place of two words; this is its number among doubles. */
const DEADLINE = 2
export const ADDRESS = 6
export const LENGTHS = 7

/** What a record takes, in bytes. */
export const RECORD_BYTES = 32

const WORDS_BITS = 3
const DOUBLES_BITS = 2
const CHUNK_BITS = 11
const CHUNK_MASK = (1 << CHUNK_BITS) - 1

export class Records {
  private words: Array<Int32Array> = []
  private doubles: Array<Float64Array> = []
  private unusedHead = -1
  private used = 0
  private count = 0

  /** Records in use. */
  get size(): number {
    return this.count
  }

  /** The number of a record that was not in use. Its deadline is never; its words hold anything. */
  take(): number {
    const id = this.next()
    this.count++
    this.setDeadline(id, Number.POSITIVE_INFINITY)
    return id
  }

  /** Gives a record back. */
  release(id: number): void {
    this.count--
    // When the last record goes, so do all chunks but one: what a large keyspace needed is not kept for an empty one,
    // and a keyspace whose only key comes and goes does not allocate each time.
    if (this.count === 0) {
      this.words = this.words.slice(0, 1)
      this.doubles = this.doubles.slice(0, 1)
      this.unusedHead = -1
      this.used = 0
      return
    }
    this.set(id, ADDRESS, this.unusedHead)
    this.unusedHead = id
  }

  get(id: number, word: number): number {
    return this.words[id >>> CHUNK_BITS]![((id & CHUNK_MASK) << WORDS_BITS) | word]!
  }

  set(id: number, word: number, value: number): void {
    this.words[id >>> CHUNK_BITS]![((id & CHUNK_MASK) << WORDS_BITS) | word] = value
  }

  /** ms */
  deadline(id: number): number {
    return this.doubles[id >>> CHUNK_BITS]![((id & CHUNK_MASK) << DOUBLES_BITS) | DEADLINE]!
  }

  setDeadline(id: number, deadline: number): void {
    this.doubles[id >>> CHUNK_BITS]![((id & CHUNK_MASK) << DOUBLES_BITS) | DEADLINE] = deadline
  }

  private next(): number {
    if (this.unusedHead !== -1) {
      const id = this.unusedHead
      this.unusedHead = this.get(id, ADDRESS)
      return id
    }
    if (this.used >>> CHUNK_BITS === this.words.length) {
      const chunk = new ArrayBuffer(RECORD_BYTES << CHUNK_BITS)
      this.words.push(new Int32Array(chunk))
      this.doubles.push(new Float64Array(chunk))
    }
    return this.used++
  }
}
