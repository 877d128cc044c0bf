/**
 * The map of the engine's state, which is nothing but words in its arenas. Constants only.
 *
 * An arena has 32 MB, except the first one, which has 1 MB because most caches are small. It is cut into pages of 64
 * KB. A page is cut into slots (`Slots.ts`), or it is a segment of the index or a part of the index's directory
 * (`Index.ts`). The first page of each arena is reserved: its second half describes the arena's pages. In the first
 * arena, its first half is the header: list heads, counters, limits, and the tables of arenas and size classes.
 *
 * An address counts units of 8 bytes from the first arena on, so 2^32 addresses reach 32 GB. In JavaScript an address
 * is a signed integer and is negative from 16 GB on. 0 is the address of the header, so it stands for no entry.
 */

export const UNIT_BITS = 3
export const UNIT_BYTES = 1 << UNIT_BITS

const PAGE_BITS = 16
export const PAGE_BYTES = 1 << PAGE_BITS
export const PAGE_WORD_BITS = PAGE_BITS - 2
export const PAGE_WORDS = 1 << PAGE_WORD_BITS
/** A page's number is its address without these bits. */
export const PAGE_UNIT_BITS = PAGE_BITS - UNIT_BITS
export const PAGE_UNIT_MASK = (1 << PAGE_UNIT_BITS) - 1

/**
 * Memory of 32 MB goes back to the system as soon as it is freed. Smaller memory may not, because glibc's `malloc`
 * raises its threshold for `mmap` up to this size. Untouched memory of an arena costs nothing: the system provides
 * zeroed pages on the first touch.
 */
const ARENA_BITS = 25
export const ARENA_BYTES = 1 << ARENA_BITS
export const FIRST_ARENA_BYTES = 1 << 20
export const ARENA_PAGE_BITS = ARENA_BITS - PAGE_BITS
export const ARENA_PAGE_MASK = (1 << ARENA_PAGE_BITS) - 1
export const ARENA_UNIT_BITS = ARENA_BITS - UNIT_BITS
export const ARENA_UNIT_MASK = (1 << ARENA_UNIT_BITS) - 1
/** As many arenas as addresses reach. */
export const MAX_ARENAS = 1 << (32 - ARENA_UNIT_BITS)

// The header, in words.
export const MAGIC = 0
export const VERSION = 1
/** The secret of the hash: two words. */
export const SECRET = 2
/** The ends of the order of use: addresses of entries, 0 for none. */
export const NEWEST = 4
export const OLDEST = 5
/** The number of entries, including those of cleared databases that are not yet removed. */
export const ENTRIES = 6
/** Of these entries, those of cleared databases. */
export const DOOMED = 7
/** Where the search for them continues in the order of hashes. */
export const DOOM_CURSOR = 8
/** The wheel's bucket that is being drained, plus 1; 0 for none. */
export const DRAINING = 9
/** The number of bits of the hash that choose an entry of the index's directory. */
export const DEPTH = 10
/** The length of the table of arenas: it has arenas that are or were in use. */
export const ARENAS = 11
/** Pages in use, without the arenas' reserved pages. */
export const USED_PAGES = 12
/** Touched pages of the present arenas, including their reserved pages: the memory that is held. */
export const TOUCHED_PAGES = 13
/** Pages that were used and are free now. */
export const FREE_PAGES = 14
/** The most pages that may be touched. */
export const PAGE_LIMIT = 15
/** The pages of all arenas, without the reserved pages. */
export const PAGE_CAPACITY = 16
/** An empty arena that is kept; 0 for none. */
export const SPARE_ARENA = 17
/** The arena that is being emptied; 0 for none. */
export const EVACUATED_ARENA = 18
/** 1 after the system refused memory, 2 after `maintain` has seen that, 0 when memory may be requested again. */
export const REFUSED = 19
/** The size class last found with too many free slots, plus 1; 0 for none. */
export const SPARSE_CLASS = 20
/** Chains that are being read or written, or were let go while being read. */
export const PINNED_CHAINS = 21
/** Entries with a deadline. */
export const WITH_DEADLINE = 22

/** Pages in use when no arena could be emptied. Until fewer are in use, none can be. 0 for never. */
export const STUCK_AT = 23

/** The next page of the arena that is being emptied, by its number within the arena. */
export const EVACUATION_CURSOR = 24

/** The number of changes that were begun and not completed: 0 between two calls, unless one of them threw. */
export const CHANGING = 25

// Doubles of the header. These numbers count doubles, not words.
export const USED_BYTES = 16
export const MAX_BYTES = 17
export const MAX_ENTRIES = 18
export const WHEEL_TIME = 19
export const GIVEN_UP_BYTES = 20
/** Bytes of chains that belong to no entry: those being written, and those let go while being read. */
export const DETACHED_BYTES = 21
/** When the spare arena was first seen, in ms; NaN for not yet. */
export const SPARE_SINCE = 22
/** When the refusal was first seen, in ms. */
export const REFUSED_SINCE = 23
/** One double for each reason of removal. */
export const REMOVED = 24
/** The bound of bytes that `MAX_BYTES` is on its way to, in slices, after it was lowered. */
export const TARGET_BYTES = 28

/** The page numbers of the index's directory. */
export const DIRECTORY = 64
export const DIRECTORY_PAGES = 16
/** The number of segments of each depth. */
export const SEGMENTS_OF_DEPTH = 80
/** The present identity of each database. Clearing a database gives it another one. */
export const IDENTITIES = 104
export const OCCUPIED = 128
export const WHEEL_HEADS = 160
/** The words of each size class: see `Slots.ts`. */
export const CLASSES = 768
export const CLASS_WORDS_BITS = 2
/** The number of entries of each identity. */
export const IDENTITY_COUNTS = 1536
/** A bit for each identity that was cleared and still has entries. */
export const DOOMED_IDENTITIES = 1792
export const ARENA_TABLE = 2048
export const ARENA_TABLE_BITS = 2

// The words of an arena in the table of arenas.
/** The first free page that was used before, by its number within the arena; 0 for none. */
export const FREE_HEAD = 0
/** The first page that was never touched, by its number within the arena. */
export const FRESH = 1
/** Pages in use. */
export const USED = 2
/** Pages of the arena, including the reserved one; 0 if there is no arena. */
export const CAPACITY = 3

/** The descriptors of an arena's pages, in words from its beginning. Each is a cache line. */
export const DESCRIPTORS = 8192
export const DESCRIPTOR_BITS = 4

// The words of a descriptor. The first names the kind of the page, which defines the others.
export const KIND = 0
export const NEXT_PAGE = 1
export const PREVIOUS_PAGE = 2

// The kinds of pages: a size class plus 1, or one of these.
export const UNUSED_PAGE = 0
export const SEGMENT_PAGE = 254
export const DIRECTORY_PAGE = 255

export const MAGIC_WORD = 0x6b76_6331
/** The version of this layout. */
export const VERSION_WORD = 3
