/** What a user may do. Each role may what the one before it may, too. */

/** `read` may read, `write` may change keys, `admin` may change the server. */
export type Role = "read" | "write" | "admin"

/** All roles, from the one that may least to the one that may most. */
export const ROLES = ["read", "write", "admin"] as const satisfies ReadonlyArray<Role>

const RANKS: Readonly<Record<Role, number>> = { read: 0, write: 1, admin: 2 }

/** Whether someone with the first role may do what takes the second. */
export const includes = (role: Role, needed: Role): boolean => RANKS[role] >= RANKS[needed]
