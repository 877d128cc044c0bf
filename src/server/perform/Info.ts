/** INFO and what else says how the server does. */
import { info, lastSave } from "../../commands/Info.ts"
import type { Entry } from "../../commands/Entry.ts"
import { sectionsOf, writeInfo } from "../ServerInfo.ts"
import type { Perform } from "../Session.ts"
import { atOnce, texts } from "./Perform.ts"

export const infos: ReadonlyArray<readonly [Entry, Perform]> = [
  [
    info,
    atOnce(({ context }, commands, command, now, replies) =>
      replies.verbatim(writeInfo(context, now, sectionsOf(texts(commands, command))))
    )
  ],
  [
    lastSave,
    atOnce(({ context: { instance } }, _commands, _command, _now, replies) =>
      replies.integer(Math.floor(instance.unixTime(instance.startedAt) / 1000))
    )
  ]
]
