/** All families of the differential test. */
import type { Family } from "./Family.ts"
import { bitmaps } from "./families/Bitmaps.ts"
import { connection } from "./families/Connection.ts"
import { keys } from "./families/Keys.ts"
import { server } from "./families/Server.ts"
import { strings } from "./families/Strings.ts"
import { transactions } from "./families/Transactions.ts"

export const families: ReadonlyArray<Family> = [connection, server, strings, bitmaps, keys, transactions]
