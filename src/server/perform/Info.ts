/** INFO and what else says how the server does. */
import * as Effect from "effect/Effect"
import { info, lastSave } from "../../commands/Info.ts"
import type { Entry } from "../../commands/Entry.ts"
import { sectionsOf, tellsKeys, writeInfo } from "../ServerInfo.ts"
import type { Perform } from "../Session.ts"
import { atOnce, texts } from "./Perform.ts"

const performInfo: Perform = ({ context }, commands, command, now, replies) => {
  const { executor } = context
  const wanted = sectionsOf(texts(commands, command))
  const { keyspace } = executor.engine
  if (keyspace === undefined || !tellsKeys(wanted)) {
    replies.verbatim(writeInfo(context, now, wanted, executor.levels().databases))
    return "answered"
  }
  return Effect.map(keyspace, (databases) => (sink) => sink.verbatim(writeInfo(context, now, wanted, databases)))
}

export const infos: ReadonlyArray<readonly [Entry, Perform]> = [
  [info, performInfo],
  [
    lastSave,
    atOnce(({ context: { instance } }, _commands, _command, _now, replies) =>
      replies.integer(Math.floor(instance.unixTime(instance.startedAt) / 1000))
    )
  ]
]
