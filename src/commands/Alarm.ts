/**
 * Wakes whoever sleeps until something is due, when that is to be earlier. Pure: it knows times, and what to call.
 */
export class Alarm {
  private time = Number.NEGATIVE_INFINITY
  private wake = doNothing

  /** Calls `wake`, once, when something comes to be due before `time`, in ms. */
  wakeBefore(time: number, wake: () => void): void {
    this.time = time
    this.wake = wake
  }

  /** Something is due at `time`, in ms; never, if it is infinite. */
  due(time: number): void {
    if (time >= this.time) return
    this.time = Number.NEGATIVE_INFINITY
    this.wake()
  }
}

const doNothing = (): void => {}
