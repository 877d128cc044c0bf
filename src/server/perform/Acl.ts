/** ACL: who the client is, and who may come. A role is worded as the rules of Redis that come to the same. */
import type { User } from "../../auth/Authentication.ts"
import type { Role } from "../../auth/Role.ts"
import { aclCat, aclGetUser, aclList, aclUsers, aclWhoAmI } from "../../commands/Acl.ts"
import type { Entry } from "../../commands/Entry.ts"
import { ERR } from "../../domain/Reply.ts"
import type { ReplyWriter } from "../../protocol/Protocol.ts"
import type { Perform, Session } from "../Session.ts"
import { ACL_CATEGORIES, namesIn } from "./Introspection.ts"
import { atOnce, bulkLatin1, texts } from "./Perform.ts"

const rules: Readonly<Record<Role, string>> = {
  read: "+@all -@write -@admin",
  write: "+@all -@admin",
  admin: "+@all"
}

const users = (session: Session): ReadonlyArray<User> => session.context.authentication.users()

/** Redis shows the hashes of passwords here. Nobody sees ours. */
const lineOf = (session: Session, { name, role }: User): string =>
  ["user", name, "on", ...(session.context.authentication.isRequired ? [] : ["nopass"]), "~* &*", rules[role]].join(" ")

const list = (replies: ReplyWriter, all: ReadonlyArray<string>): void => {
  replies.array(all.length)
  for (const text of all) replies.text(text)
}

const performCat: Perform = atOnce((_session, commands, command, _now, replies) => {
  const [category] = texts(commands, command)
  if (category === undefined) return list(replies, ACL_CATEGORIES)
  if (!ACL_CATEGORIES.includes(category.toLowerCase())) return replies.error(ERR, `Unknown category '${category}'`)
  list(
    replies,
    namesIn(category).map((name) => name.toLowerCase())
  )
})

const performGetUser: Perform = atOnce((session, commands, command, _now, replies) => {
  const user = users(session).find(({ name }) => name === commands.text(command, 0))
  if (user === undefined) return replies.null()
  const flags = session.context.authentication.isRequired ? ["on"] : ["on", "nopass"]
  replies.map(6)
  replies.text("flags")
  replies.set(flags.length)
  for (const flag of flags) replies.text(flag)
  replies.text("passwords")
  replies.array(0)
  replies.text("commands")
  replies.text(rules[user.role])
  replies.text("keys")
  replies.text("~*")
  replies.text("channels")
  replies.text("&*")
  replies.text("selectors")
  replies.array(0)
})

export const acl: ReadonlyArray<readonly [Entry, Perform]> = [
  [aclCat, performCat],
  [aclGetUser, performGetUser],
  [
    aclList,
    atOnce((session, _commands, _command, _now, replies) =>
      list(
        replies,
        users(session).map((user) => lineOf(session, user))
      )
    )
  ],
  [
    aclUsers,
    atOnce((session, _commands, _command, _now, replies) =>
      list(
        replies,
        users(session).map(({ name }) => name)
      )
    )
  ],
  [aclWhoAmI, atOnce(({ user }, _commands, _command, _now, replies) => bulkLatin1(replies, user.name))]
]
