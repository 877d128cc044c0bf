/**
 * Wakes a sleeper if something becomes due earlier than it was going to wake. Pure: it knows times and a function to
 * call, and it does not sleep.
 */
export class Alarm {
  private time = Number.NEGATIVE_INFINITY
  private wake = doNothing

  /** Calls `wake` once, when something becomes due before `time`, in ms. */
  wakeBefore(time: number, wake: () => void): void {
    this.time = time
    this.wake = wake
  }

  /** To be called when something becomes due at `time`, in ms. Infinite means never. */
  due(time: number): void {
    if (time >= this.time) return
    this.time = Number.NEGATIVE_INFINITY
    this.wake()
  }
}

const doNothing = (): void => {}
