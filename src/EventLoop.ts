/**
 * How Node's event loop works, as far as this project depends on it. No other file knows about turns or phases.
 *
 * A turn of the loop polls once: it asks the kernel which sockets have something, and reads those. Whatever a read
 * wakes (listeners, ticks, promises) runs before the next read. Then the loop runs what `setImmediate` has put off, and
 * turns again. Some facts follow, which `test/EventLoop.test.ts` pins on each supported version of Node:
 *
 * - A task put off during a poll runs when the poll is over: `afterReads`.
 * - Between a task put off and a task that it puts off itself lies one whole poll: `polled`.
 * - A poll reads a socket until the kernel has no more bytes for it, or until 32 buffers of `READ_BYTES` are full. So a
 *   socket that got less than one buffer in a whole poll has got everything: `received`. The end of a stream may come one
 *   poll after its last bytes.
 *
 * This file knows what has arrived at this process. What is still on its way is in `server/Traffic.ts`.
 */
// Imported, not global: test runners with fake timers replace the globals, and then nothing would run.
import { clearImmediate, setImmediate } from "node:timers"
import * as Effect from "effect/Effect"

/**
 * The most bytes of one read. With 16 KB, a SET of 16 KB takes two reads and a pause between them, and a third more of the
 * processor's time (alternating bursts, Node 20).
 */
export const READ_BYTES = 64 * 1024

/** Runs a task once the event loop has read everything that there is to read in this turn. */
export const afterReads = (task: () => void): void => void setImmediate(task)

/**
 * Polls until `isEnough` holds, which is asked after every second whole poll. The second poll reads the end of a stream
 * after the bytes that the first has read, and the results of tasks that the first has put off.
 */
export const pollUntil = (isEnough: () => boolean): Effect.Effect<void> =>
  Effect.callback((resume) => {
    let putOff: NodeJS.Immediate
    const polling = (then: () => void) => () => {
      putOff = setImmediate(then)
    }
    const pollTwice = polling(polling(() => (isEnough() ? resume(Effect.void) : pollTwice())))
    // The caller may be in the middle of a poll, which does not count.
    polling(pollTwice)()
    return Effect.sync(() => clearImmediate(putOff))
  })

/** Completes when everything that had arrived at the call, ends included, has been read and its listeners have run. */
export const polled: Effect.Effect<void> = pollUntil(() => true)

let looking = 0

/** As `polled`, for a caller that is about to send. Meanwhile `isLookedAt` holds. */
export const look: Effect.Effect<void> = Effect.suspend(() => {
  looking++
  return Effect.ensuring(
    polled,
    Effect.sync(() => {
      looking--
    })
  )
})

/** Whether anybody in this process is in `look`, and so about to send. */
export const isLookedAt = (): boolean => looking > 0

/** Something that is read from, with the number of bytes read so far. */
export interface Source {
  readonly bytesRead: number
}

/**
 * More bytes than any kernel holds for one socket: Linux allows 6 MB (`tcp_rmem`), newer versions at most 32 MB. If so
 * many have come since the call, the last of them were sent after it.
 */
const MOST_HELD = 32 * 1024 * 1024

/** For `pollUntil`: whether everything that the kernel held for these sources has been read. */
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

/**
 * Completes when everything that the kernel held for a source at the call has been read, or the source stops reading.
 */
export const received = (source: Source): Effect.Effect<void> => Effect.suspend(() => pollUntil(reading([source])))

/**
 * As `received`, for a source that had stopped reading. Bytes for which its kernel had no room wait in the peer's
 * kernel and come once there is room. So this goes on until nothing comes.
 */
export const exhausted = (source: Source): Effect.Effect<void> => Effect.suspend(() => pollUntil(reading([source], 0)))
