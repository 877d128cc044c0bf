/**
 * Where everything lies: the engine's whole state is words in its arenas, and this is their map. Pure constants.
 *
 * An arena is 32 MB, the first one 1 MB for the many caches that are small. It is cut into pages of 64 KB, a page into
 * slots (`Slots.ts`), or it is a segment of the index or a piece of its directory (`Index.ts`). The first page of each
 * arena is not for use: its latter half describes the arena's pages. Its former half is, in the first arena, the header:
 * lists' heads, counters, limits, tables of the arenas and of the size classes.
 *
 * A place is named by its address, which counts units of 8 bytes from the first arena on: 2^32 of them reach 32 GB. In
 * JavaScript an address is a signed integer: from 16 GB on it is negative. 0 is the header, and so it is no one's address.
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
 * 32 MB is where glibc's `malloc` never keeps what is freed for later: it goes back to the system at once (its threshold
 * for `mmap` adapts itself, up to this size). Untouched memory of an arena takes nothing: the system gives zeroed pages on
 * the first touch.
 */
const ARENA_BITS = 25
export const ARENA_BYTES = 1 << ARENA_BITS
export const FIRST_ARENA_BYTES = 1 << 20
export const ARENA_PAGE_BITS = ARENA_BITS - PAGE_BITS
export const ARENA_PAGE_MASK = (1 << ARENA_PAGE_BITS) - 1
export const ARENA_UNIT_BITS = ARENA_BITS - UNIT_BITS
export const ARENA_UNIT_MASK = (1 << ARENA_UNIT_BITS) - 1
/** As many as addresses reach. */
export const MAX_ARENAS = 1 << (32 - ARENA_UNIT_BITS)

// The header, in words.
export const MAGIC = 0
export const VERSION = 1
/** The secret of the hash, two words. */
export const SECRET = 2
/** The ends of the order of use: addresses of entries, 0 for none. */
export const NEWEST = 4
export const OLDEST = 5
/** Entries, those of cleared databases that are not yet removed included. */
export const ENTRIES = 6
/** Of them, those of cleared databases. */
export const DOOMED = 7
/** Where in the order of hashes the search for them goes on. */
export const DOOM_CURSOR = 8
/** The wheel's bucket that is being drained, and 1; 0 for none. */
export const DRAINING = 9
/** Bits of the hash that choose an entry of the index's directory. */
export const DEPTH = 10
/** Entries of the table of arenas that are or were in use. */
export const ARENAS = 11
/** Pages in use, those of the arenas' own not counted. */
export const USED_PAGES = 12
/** Pages that have been touched in the arenas that are there: what is held. Arenas' own are counted. */
export const TOUCHED_PAGES = 13
/** Pages that were used and are not. */
export const FREE_PAGES = 14
/** The most pages that may be touched. */
export const PAGE_LIMIT = 15
/** Pages that arenas have room for, their own not counted. */
export const PAGE_CAPACITY = 16
/** An arena that is empty and kept; 0 for none. */
export const SPARE_ARENA = 17
/** The arena that is being emptied; 0 for none. */
export const EVACUATED_ARENA = 18
/** 1 once the system has refused memory, 2 when that has been seen, 0 when it is time to ask again. */
export const REFUSED = 19
/** The size class that was last found with more free slots than it should have, and 1; 0 for none. */
export const SPARSE_CLASS = 20
/** Chains that are read, are being written, or were let go while they were read. */
export const PINNED_CHAINS = 21
/** Entries that have a deadline. */
export const WITH_DEADLINE = 22

/** Pages that were in use when an arena could not be emptied: until there are fewer, none can be. 0 for never. */
export const STUCK_AT = 23

/** The next page of the arena that is being emptied, by its number within the arena. */
export const EVACUATION_CURSOR = 24

// Doubles of the header: numbers of doubles, not of words.
export const USED_BYTES = 16
export const MAX_BYTES = 17
export const MAX_ENTRIES = 18
export const WHEEL_TIME = 19
export const GIVEN_UP_BYTES = 20
/** Bytes of chains that belong to no entry: those being written, and those let go while they are read. */
export const DETACHED_BYTES = 21
/** When the spare arena was seen first, in ms; NaN for not yet. */
export const SPARE_SINCE = 22
/** When the system's refusal was seen first, in ms. */
export const REFUSED_SINCE = 23
/** One for each reason. */
export const REMOVED = 24

/** The index's directory: numbers of its pages. */
export const DIRECTORY = 64
export const DIRECTORY_PAGES = 16
/** How many segments there are of each depth. */
export const SEGMENTS_OF_DEPTH = 80
/** Which identity each database has now: clearing a database gives it another one. */
export const IDENTITIES = 104
export const OCCUPIED = 128
export const WHEEL_HEADS = 160
/** A word for each size class by what is known of it: see `Slots.ts`. */
export const CLASSES = 768
export const CLASS_WORDS_BITS = 2
/** Entries of each identity. */
export const IDENTITY_COUNTS = 1536
/** A bit for each identity that has been cleared and still has entries. */
export const DOOMED_IDENTITIES = 1792
export const ARENA_TABLE = 2048
export const ARENA_TABLE_BITS = 2

// What the table of arenas knows of one.
/** The first page in the list of those that were used and are not, by its number within the arena; 0 for none. */
export const FREE_HEAD = 0
/** The first page that was never touched, by its number within the arena. */
export const FRESH = 1
/** Pages in use. */
export const USED = 2
/** Pages, its own included; 0 where there is no arena. */
export const CAPACITY = 3

/** Descriptors of an arena's pages, in words from its beginning; each is a cache line. */
export const DESCRIPTORS = 8192
export const DESCRIPTOR_BITS = 4

// A descriptor's words. The first says what the page is; the rest is that one's to define.
export const KIND = 0
export const NEXT_PAGE = 1
export const PREVIOUS_PAGE = 2

// Kinds of pages: a size class's number and 1, or one of these.
export const UNUSED_PAGE = 0
export const SEGMENT_PAGE = 254
export const DIRECTORY_PAGE = 255

export const MAGIC_WORD = 0x6b76_6331
/** Of this layout. */
export const VERSION_WORD = 1
