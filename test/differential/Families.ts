/** All families of the differential test. */
import type { Family } from "./Family.ts"
import { bitmaps } from "./families/Bitmaps.ts"
import { connection } from "./families/Connection.ts"
import { strings } from "./families/Strings.ts"

export const families: ReadonlyArray<Family> = [connection, strings, bitmaps]
