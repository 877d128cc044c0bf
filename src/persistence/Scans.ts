/** All keys that begin with a prefix, found in slices, so that nobody is held up: SCAN, and UNLINK. */
import * as Effect from "effect/Effect"
import type { CommandWords } from "../store/CommandWords.ts"
import type { Kept } from "../store/KeptReply.ts"
import type { StoreService } from "../store/Store.ts"
import { refused, type StoreError } from "../store/StoreError.ts"

/** About so many keys are looked at in one go. */
const SLICE = "1000"

/** What is special in a pattern is taken literally. */
const literally = (text: string): string => text.replace(/[\\*?[\]]/g, "\\$&")

const partsOf = (reply: Kept | undefined): ReadonlyArray<Kept> => (reply?._tag === "Parts" ? reply.parts : [])

const textOf = (reply: Kept | undefined): string => (reply?._tag === "Bulk" ? reply.bytes.toString() : "")

/** The keys that begin with `prefix`. One that comes or goes meanwhile may be among them or not. */
export const keysWith = Effect.fnUntraced(function* (store: StoreService, prefix: string) {
  const found = new Set<string>()
  let cursor = "0"
  do {
    const [next, keys] = partsOf(yield* store.run("SCAN", cursor, "MATCH", `${literally(prefix)}*`, "COUNT", SLICE))
    for (const key of partsOf(keys)) found.add(textOf(key))
    cursor = textOf(next)
    // Between two slices others have their turn.
    yield* Effect.yieldNow
  } while (cursor !== "0" && cursor !== "")
  return [...found]
})

/** Removes keys. */
export const unlink = (store: StoreService, keys: ReadonlyArray<string>): Effect.Effect<void, StoreError> =>
  all(
    store,
    keys.map((key) => ["UNLINK", key])
  )

/** Executes commands whose answers say nothing. Fails with the first error. */
export const all = (store: StoreService, commands: ReadonlyArray<CommandWords>): Effect.Effect<void, StoreError> =>
  Effect.flatMap(store.runAll(commands), refused)
