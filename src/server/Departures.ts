/**
 * Has garbage collected when many clients have left, or some that held much. What they held is garbage then, but where
 * nobody asks for anything, nothing is allocated, and V8 has no reason to collect it.
 *
 * It collects nothing by itself: `store/Garbage.ts` says who does.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { blocks } from "./Blocks.ts"

/** How many clients must have left, of the most that there were: each took about 5 KB. */
const MANY = 4096

/** How many bytes those that left must have held. */
const WORTH_COLLECTING = 32 * 2 ** 20

/** The time from the first reason to collect to the collection: others may be leaving, too, and each takes a few ms. */
const PAUSE = Duration.seconds(1)

export class Departures {
  private readonly collect: () => void
  // Since the last collection: the bytes given up, and the most clients.
  private givenUp = 0
  private most = 0
  private isDue = false
  private onDue: () => void = doNothing

  constructor(collect: () => void) {
    this.collect = collect
  }

  /** One of `open` clients leaves, which has held `bytes` until now. */
  add(open: number, bytes: number): void {
    this.most = Math.max(this.most, open)
    this.givenUp += bytes
    if (this.isDue || (this.givenUp < WORTH_COLLECTING && this.most - open < MANY)) return
    this.isDue = true
    this.onDue()
  }

  /** Collects for ever, at most once a second. */
  get run(): Effect.Effect<void> {
    const due = Effect.callback<void>((resume) => {
      if (this.isDue) return resume(Effect.void)
      this.onDue = () => resume(Effect.void)
    })
    const collect = Effect.sync(() => {
      this.isDue = false
      this.givenUp = 0
      this.most = 0
      blocks.trim()
      this.collect()
    })
    return due.pipe(Effect.andThen(Effect.sleep(PAUSE)), Effect.andThen(collect), Effect.forever)
  }
}

const doNothing = (): void => {}
