/**
 * CLIENT PAUSE: holds back the commands of all clients for a time, all commands or those that write. It says what a
 * command has to wait for; whoever executes commands asks.
 */
import * as Effect from "effect/Effect"

export type Held = "write" | "all"

export class Pause {
  private held: Held | undefined = undefined
  // In ms.
  private until = 0
  private readonly waiting = new Set<() => void>()

  /** Whether anything may be held back. */
  get isOn(): boolean {
    return this.held !== undefined
  }

  /** How many clients wait. */
  get size(): number {
    return this.waiting.size
  }

  /** Holds back until a time in ms. A pause that is on becomes neither shorter nor less strict. */
  begin(held: Held, until: number): void {
    this.until = this.isOn ? Math.max(this.until, until) : until
    this.held = this.held === "all" ? "all" : held
  }

  /** Lets all go on. */
  end(): void {
    this.held = undefined
    for (const goOn of this.waiting) goOn()
    this.waiting.clear()
  }

  /** What a command has to wait for at `now`, in ms. It must ask again then. */
  delay(isWrite: boolean, now: number): Effect.Effect<void> | undefined {
    if (this.held === undefined) return undefined
    if (now >= this.until) {
      this.end()
      return undefined
    }
    if (this.held === "write" && !isWrite) return undefined
    return Effect.raceFirst(this.ended, Effect.sleep(this.until - now))
  }

  private get ended(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const goOn = (): void => resume(Effect.void)
      this.waiting.add(goOn)
      return Effect.sync(() => void this.waiting.delete(goOn))
    })
  }
}
