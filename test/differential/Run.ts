/** Sends a sequence of commands to this server and to Redis, both empty, and compares what they answer. */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { RespVersion } from "../../src/protocol/resp/RespReplyWriter.ts"
import type { ListenError } from "../../src/server/Listener.ts"
import type { Executor } from "../../src/store/Executor.ts"
import * as TestServer from "../server/TestServer.ts"
import { differences } from "./Differences.ts"
import { partsOf } from "./Frames.ts"
import * as Peer from "./Peer.ts"
import type { Sequence, Step } from "./Sequence.ts"

export interface Mismatch {
  /** The number of the command. */
  readonly step: number
  readonly why: string
  readonly ours: string
  readonly redis: string
}

interface Pair {
  readonly ours: Peer.Peer
  readonly redis: Peer.Peer
  readonly judge: Judge
}

const QUEUED = "+QUEUED\r\n"
const GONE = "(no answer)"

/** What is wrong with an answer, unless it is a known difference. */
const judge = ({ compare, words }: Step, ours: string, redis: string): string | undefined => {
  const why = compare(ours, redis, words)
  return why === undefined || differences.some(({ explains }) => explains(words, ours, redis)) ? undefined : why
}

/** Judges the answers on one connection, in order. What a transaction answers is compared part by part. */
class Judge {
  private queued: Array<Step> = []

  judge(step: Step, ours: string, redis: string): string | undefined {
    if (redis === QUEUED) this.queued.push(step)
    const parts = step.words[0]?.toUpperCase() === "EXEC" ? partsOf(redis) : undefined
    const queued = this.queued
    if (redis !== QUEUED && !redis.startsWith("-")) this.queued = []
    const ourParts = partsOf(ours)
    if (parts === undefined || parts.length !== queued.length || ourParts?.length !== parts.length) {
      return judge(step, ours, redis)
    }
    for (const [at, each] of queued.entries()) {
      const why = judge(each, ourParts[at] ?? "", parts[at] ?? "")
      if (why !== undefined) return `in a transaction, ${each.words[0]}: ${why}`
    }
    return undefined
  }
}

const connectBoth = Effect.fnUntraced(function* (
  address: { readonly host: string; readonly port: number },
  redisPath: string,
  version: RespVersion
): Effect.fn.Return<Pair, never, Scope.Scope> {
  const pair: Pair = {
    ours: yield* Peer.connect(address),
    redis: yield* Peer.connect({ path: redisPath }),
    judge: new Judge()
  }
  if (version === 3) yield* Effect.all([pair.ours.ask([["HELLO", "3"]]), pair.redis.ask([["HELLO", "3"]])])
  return pair
})

/**
 * The first command that is answered otherwise than by the Redis at a path, if there is one. The keys may be kept by
 * another `executor` than the memory's.
 */
export const run = (
  { steps, versions }: Sequence,
  redisPath: string,
  executor?: Layer.Layer<Executor>
): Effect.Effect<Mismatch | undefined, ListenError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const server = yield* TestServer.start({ inTurns: true, maxValueSize: 512 * 1024 * 1024, executor })
      const admin = yield* Peer.connect({ path: redisPath })
      yield* admin.ask([["FLUSHALL"], ["CONFIG", "RESETSTAT"]])
      // What is in another keeper of keys is not empty by itself.
      if (executor !== undefined) yield* (yield* Peer.connect(server.address)).ask([["FLUSHALL"]])
      const pairs = yield* Effect.forEach(versions, (version) => connectBoth(server.address, redisPath, version))
      for (let from = 0, to = 0; from < steps.length; from = to) {
        const connection = steps[from]?.connection ?? 0
        while (to < steps.length && steps[to]?.connection === connection) to++
        const pair = pairs[connection]
        if (pair === undefined) return yield* Effect.die(new Error(`no connection ${connection}`))
        const requests = steps.slice(from, to).map(({ words }) => words)
        const [ours, redis] = yield* Effect.all([pair.ours.ask(requests), pair.redis.ask(requests)], {
          concurrency: 2
        })
        for (const [sent, step] of steps.slice(from, to).entries()) {
          const our = ours.replies[sent] ?? GONE
          const its = redis.replies[sent] ?? GONE
          const why = pair.judge.judge(step, our, its)
          if (why !== undefined) return { step: from + sent, why, ours: our, redis: its }
        }
        const ourPushes = ours.pushes.toSorted().join("")
        const itsPushes = redis.pushes.toSorted().join("")
        if (ourPushes !== itsPushes) {
          return { step: to - 1, why: "the messages pushed differ", ours: ourPushes, redis: itsPushes }
        }
      }
      return undefined
    })
  )

/**
 * A short part of a sequence that still shows a mismatch: commands are left out as long as it does. (A. Zeller and R.
 * Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002.)
 */
export const shrink = Effect.fnUntraced(function* (
  sequence: Sequence,
  mismatch: Mismatch,
  redisPath: string,
  executor?: Layer.Layer<Executor>
): Effect.fn.Return<readonly [Sequence, Mismatch], ListenError> {
  let best = { ...sequence, steps: sequence.steps.slice(0, mismatch.step + 1) }
  let shown = mismatch
  for (let size = best.steps.length >> 1; size > 0; size >>= 1) {
    for (let at = 0; at < best.steps.length;) {
      const shorter = { ...best, steps: [...best.steps.slice(0, at), ...best.steps.slice(at + size)] }
      const found = shorter.steps.length === 0 ? undefined : yield* run(shorter, redisPath, executor)
      if (found === undefined) at += size
      else {
        best = { ...shorter, steps: shorter.steps.slice(0, found.step + 1) }
        shown = found
      }
    }
  }
  return [best, shown]
})
