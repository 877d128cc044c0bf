/**
 * What a user may do, by role: `read` whatever neither writes nor administers, `write` whatever does not administer,
 * `admin` everything. The flags in the table of commands decide.
 *
 * A command that its client may not use is replaced by a refusal as soon as it is decoded, so that nothing is asked when it
 * is executed, and nothing at all for an admin.
 */
import type { User } from "../auth/Authentication.ts"
import { includes, type Role, ROLES } from "../auth/Role.ts"
import { commands as table, FORBID } from "../commands/Commands.ts"
import type { Entry } from "../commands/Entry.ts"
import type { CommandBatch } from "../domain/CommandBatch.ts"

/** The role that a command takes. */
export const roleFor = ({ flags }: Entry): Role =>
  flags.includes("admin") ? "admin" : flags.includes("write") ? "write" : "read"

/** The ids that a role may not use, 1 for each of them. */
const forbiddenTo = (role: Role): Uint8Array | undefined => {
  const forbidden = Uint8Array.from(table, (entry) => (includes(role, roleFor(entry)) ? 0 : 1))
  return forbidden.includes(1) ? forbidden : undefined
}

const byRole: ReadonlyMap<Role, Uint8Array | undefined> = new Map(ROLES.map((role) => [role, forbiddenTo(role)]))

/** The commands, by id, that a role may not use; nothing if it may use all. */
export const forbidden = (role: Role): Uint8Array | undefined => byRole.get(role)

/** Replaces those commands of a batch, from `from` on, that a user may not use. */
export const forbid = (
  commands: CommandBatch,
  from: number,
  ids: Uint8Array,
  { name, role }: User,
  isRedis: boolean
): void => {
  for (let command = from; command < commands.count; command++) {
    const id = commands.id(command)
    if (ids[id] === 0) continue
    const entry = table[id]
    const called = entry?.name ?? ""
    const message = isRedis
      ? `User ${name} has no permissions to run the '${called.toLowerCase()}' command`
      : `no permission: ${called} takes the role ${entry === undefined ? "admin" : roleFor(entry)}, and ${name} has ${role}`
    commands.replace(command, FORBID, message)
  }
}
