/** The commands that concern the connection. */
import { integer } from "../../commands/Arguments.ts"
import { select } from "../../commands/Connection.ts"
import type { Entry } from "../../commands/Entry.ts"
import { notAnInteger, ok } from "../../commands/Replies.ts"
import * as Reply from "../../domain/Reply.ts"
import { DATABASES } from "../../engine/Limits.ts"
import type { Perform } from "../Session.ts"

export const connection: ReadonlyArray<readonly [Entry, Perform]> = [
  [
    select,
    (session, commands, command, _now, replies) => {
      const index = integer(commands, command, 0)
      if (Number.isNaN(index)) replies.fixed(notAnInteger)
      else if (index < 0 || index >= DATABASES) replies.error(Reply.ERR, "DB index is out of range")
      else {
        session.database = index
        replies.fixed(ok)
      }
      return "answered"
    }
  ]
]
