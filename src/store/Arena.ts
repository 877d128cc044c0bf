/**
 * The memory that everything off the heap is cut from: few large pieces. Pure.
 *
 * An arena takes no memory until it is written to: the system gives zeroed pages on the first touch, so that a new one
 * costs microseconds, whatever its size. Large ones have the rest of the costs once: an operation on millions of entries
 * finds the few objects that stand for them in the processor's cache, and the system may use huge pages.
 *
 * 32 MB is also where glibc's `malloc` never keeps what is freed for later: it goes back to the system at once (its
 * threshold for `mmap` adapts itself, up to this size). The first arena is small, for the many caches that are.
 */

export const ARENA_BITS = 25

/** Bytes of an arena. */
export const ARENA_BYTES = 1 << ARENA_BITS

/** Bytes of the first one. */
export const FIRST_ARENA_BYTES = 1 << 20

/** Bytes of these arenas, whether they were written to or not; one that is no more is undefined. */
export const arenaBytes = (arenas: ReadonlyArray<object | undefined>): number =>
  arenas.reduce<number>(
    (sum, arena, number) => (arena === undefined ? sum : sum + (number === 0 ? FIRST_ARENA_BYTES : ARENA_BYTES)),
    0
  )

/** The memory of arena `number`, counted from 0. */
export const makeArena = (number: number): ArrayBuffer =>
  new ArrayBuffer(number === 0 ? FIRST_ARENA_BYTES : ARENA_BYTES)
