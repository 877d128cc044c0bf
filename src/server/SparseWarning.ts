/**
 * A warning about something that can happen to many clients: logged at once, then at most once a minute, with counts.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

const INTERVAL = Duration.minutes(1)

export class SparseWarning {
  private readonly message: (count: number) => string
  private count = 0
  private onCounted: () => void = doNothing

  /** `message` gets the count since the last warning. */
  constructor(message: (count: number) => string) {
    this.message = message
  }

  /** Counts one more. */
  add(): void {
    this.count++
    this.onCounted()
  }

  /** Logs for ever. */
  get run(): Effect.Effect<void> {
    return this.counted.pipe(Effect.andThen(this.log), Effect.andThen(Effect.sleep(INTERVAL)), Effect.forever)
  }

  private get counted(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      this.onCounted = () => {
        this.onCounted = doNothing
        resume(Effect.void)
      }
      if (this.count > 0) this.onCounted()
    })
  }

  private get log(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const text = this.message(this.count)
      this.count = 0
      return Effect.logWarning(text)
    })
  }
}

const doNothing = (): void => {}
