/**
 * How Node's event loop works, as far as anything here depends on it. Nobody else counts turns or knows of phases.
 *
 * A turn of the loop polls once: it asks the kernel which sockets have something, and reads those. What a read wakes
 * (listeners, ticks, promises) runs before the next read. Then the loop runs what was put off with `setImmediate`, and
 * turns again. Facts follow from that, which `test/EventLoop.test.ts` pins on each supported version of Node:
 *
 * - What is put off while the loop polls runs when the poll is over: `afterReads`.
 * - Between something put off and what that puts off in turn lies one whole poll: `polled`.
 * - A poll reads a socket until the kernel has no more bytes for it, or until 32 buffers of `READ_BYTES` are full. So
 *   whoever got less than one buffer in a whole poll has got all that there was: `received`. The end of a stream may come
 *   in the poll after its last bytes.
 *
 * It knows what has arrived at this process, not what is still on its way to it: see `server/Traffic.ts`.
 */
// By these names, not the global ones: test runners with fake timers replace those, and then nothing would run.
import { clearImmediate, setImmediate } from "node:timers"
import * as Effect from "effect/Effect"

/** Bytes of one read at most. */
export const READ_BYTES = 64 * 1024

/** Runs a task once the event loop has read what there is to read in this turn. */
export const afterReads = (task: () => void): void => void setImmediate(task)

/**
 * Polls until `isEnough` says so, which is asked after each two whole polls: the second one reads the end behind what
 * the first has read, and what came of what the first has put off.
 */
export const pollUntil = (isEnough: () => boolean): Effect.Effect<void> =>
  Effect.callback((resume) => {
    let putOff: NodeJS.Immediate
    const polling = (then: () => void) => () => {
      putOff = setImmediate(then)
    }
    const pollTwice = polling(polling(() => (isEnough() ? resume(Effect.void) : pollTwice())))
    // It may be asked for in the midst of a poll, which does not count.
    polling(pollTwice)()
    return Effect.sync(() => clearImmediate(putOff))
  })

/** Completes when what had arrived when it was asked for has been read, an end too, and its listeners were told. */
export const polled: Effect.Effect<void> = pollUntil(() => true)

let looking = 0

/** As `polled`, for somebody who is about to send: `isLookedAt` tells that it is going on. */
export const look: Effect.Effect<void> = Effect.suspend(() => {
  looking++
  return Effect.ensuring(
    polled,
    Effect.sync(() => {
      looking--
    })
  )
})

/** Whether anybody in this process looks what has arrived, and is about to send. */
export const isLookedAt = (): boolean => looking > 0

/** What is read from: the bytes of it that were read so far. */
export interface Source {
  readonly bytesRead: number
}

/**
 * Bytes that no kernel holds for one socket: `tcp_rmem` of Linux allows 6 MB, 32 MB at most in its newer versions. Where
 * so many have come since it was asked for, the last of them were sent later.
 */
const MOST_HELD = 32 * 1024 * 1024

/** Whether all that the kernel held for these sources has been read, to be asked by `pollUntil`. */
export const reading = (sources: Iterable<Source>, most = READ_BYTES - 1): (() => boolean) => {
  let unsure = Array.from(sources, (source) => ({ source, start: source.bytesRead, before: source.bytesRead }))
  return () => {
    unsure = unsure.filter((it) => {
      const { bytesRead } = it.source
      const came = bytesRead - it.before
      it.before = bytesRead
      return came > most && bytesRead - it.start < MOST_HELD
    })
    return unsure.length === 0
  }
}

/** Completes when all that the kernel held for a source when it was asked for has been read, or it stops to read. */
export const received = (source: Source): Effect.Effect<void> => Effect.suspend(() => pollUntil(reading([source])))

/**
 * As `received`, for a source that had stopped to read. What the kernel has no room for then waits in the peer's kernel,
 * and comes once there is room: so it goes on until nothing comes.
 */
export const exhausted = (source: Source): Effect.Effect<void> => Effect.suspend(() => pollUntil(reading([source], 0)))
