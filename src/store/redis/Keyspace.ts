/** How many keys an engine's servers have, in all: the section Keyspace of their INFO, summed up. */
import * as Effect from "effect/Effect"
import { DATABASES } from "../../engine/Limits.ts"
import type { Keyspace } from "../Keyspace.ts"
import type { Cluster } from "./Cluster.ts"

const LINE = /^db(\d+):keys=(\d+),expires=(\d+)/gm

/** What is left out: a server that cannot be reached, and one whose INFO is forbidden to us. */
export const keyspaceOf = (cluster: Cluster): Effect.Effect<Keyspace> =>
  Effect.suspend(() =>
    Effect.forEach(
      cluster.masters,
      (master) =>
        Effect.orElseSucceed(
          master.ask(["INFO", "keyspace"], (bytes, start, end) => bytes.toString("latin1", start, end)),
          () => ""
        ),
      { concurrency: "unbounded" }
    )
  ).pipe(
    Effect.map((texts) => {
      const databases = Array.from({ length: DATABASES }, () => ({ keys: 0, timed: 0 }))
      for (const [, database, keys, timed] of texts.flatMap((text) => [...text.matchAll(LINE)])) {
        const its = databases[Number(database)]
        if (its === undefined) continue
        its.keys += Number(keys)
        its.timed += Number(timed)
      }
      return databases
    })
  )
