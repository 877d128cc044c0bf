/** Answers to what is no command, after which the connection ends. */
import { forbid, http, httpRequest, NOPERM, refuse, refuseAndClose } from "../../commands/Refusals.ts"
import type { Entry } from "../../commands/Entry.ts"
import * as Reply from "../../domain/Reply.ts"
import type { Perform } from "../Session.ts"

export const refusals: ReadonlyArray<readonly [Entry, Perform]> = [
  [
    refuse,
    (_session, commands, command, _now, replies) => {
      replies.error(Reply.ERR, commands.message(command))
      return "answered"
    }
  ],
  [
    forbid,
    (_session, commands, command, _now, replies) => {
      replies.error(NOPERM, commands.message(command))
      return "answered"
    }
  ],
  [
    refuseAndClose,
    (_session, commands, command, _now, replies) => {
      replies.error(Reply.ERR, commands.message(command))
      return "answered last"
    }
  ],
  [
    http,
    ({ context }, commands, command, _now, replies) => {
      context.onHttp()
      // Redis does not answer.
      if (commands.message(command) === "") return "ended"
      replies.error(Reply.ERR, commands.message(command))
      return "answered last"
    }
  ],
  [
    httpRequest,
    ({ context }, commands, command, _now, replies) => {
      context.onHttp()
      replies.refuseHttp(commands.message(command))
      return "answered last"
    }
  ]
]
