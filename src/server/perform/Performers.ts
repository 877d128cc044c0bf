/** Who does the commands that no executor does: one function for each, by the command's id. */
import { commands as table } from "../../commands/Commands.ts"
import type { Entry } from "../../commands/Entry.ts"
import type { Perform } from "../Session.ts"
import { acl } from "./Acl.ts"
import { authentication } from "./Authentication.ts"
import { client } from "./Client.ts"
import { config } from "./Config.ts"
import { connection } from "./Connection.ts"
import { diagnostics } from "./Diagnostics.ts"
import { infos } from "./Info.ts"
import { introspection } from "./Introspection.ts"
import { refusals } from "./Refusals.ts"
import { server } from "./Server.ts"
import { pubSub } from "./PubSub.ts"
import { tracking } from "./Tracking.ts"
import { slowness } from "./Slowness.ts"
import { transactions } from "./Transactions.ts"

const all: ReadonlyMap<Entry, Perform> = new Map([
  ...refusals,
  ...connection,
  ...authentication,
  ...acl,
  ...client,
  ...config,
  ...infos,
  ...diagnostics,
  ...introspection,
  ...slowness,
  ...server,
  ...transactions,
  ...tracking,
  ...pubSub
])

/** By the command's id. */
export const performers: ReadonlyArray<Perform | undefined> = table.map((entry) => all.get(entry))
