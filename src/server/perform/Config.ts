/** CONFIG: the settings of a running server. */
import { configGet, configResetStat, configRewrite, configSet } from "../../commands/Config.ts"
import type { Entry } from "../../commands/Entry.ts"
import { ok, syntaxError } from "../../commands/Replies.ts"
import { ERR } from "../../domain/Reply.ts"
import type { Perform } from "../Session.ts"
import { atOnce, bulkLatin1, texts } from "./Perform.ts"

export const config: ReadonlyArray<readonly [Entry, Perform]> = [
  [
    configGet,
    atOnce(({ context }, commands, command, _now, replies) => {
      const found = context.parameters.get(texts(commands, command))
      replies.map(found.length)
      for (const [name, value] of found) {
        replies.text(name)
        bulkLatin1(replies, value)
      }
    })
  ],
  [
    configSet,
    atOnce(({ context }, commands, command, _now, replies) => {
      const words = texts(commands, command)
      if (words.length % 2 !== 0) return replies.fixed(syntaxError)
      const pairs = Array.from(
        { length: words.length / 2 },
        (_, pair) => [words[2 * pair] ?? "", words[2 * pair + 1] ?? ""] as const
      )
      const wrong = context.parameters.set(pairs)
      if (wrong === undefined) replies.fixed(ok)
      else replies.error(ERR, wrong)
    })
  ],
  [
    configResetStat,
    atOnce(({ context }, _commands, _command, _now, replies) => {
      context.running.reset()
      replies.fixed(ok)
    })
  ],
  [
    configRewrite,
    atOnce((_session, _commands, _command, _now, replies) =>
      replies.error(ERR, "The server is running without a config file")
    )
  ]
]
