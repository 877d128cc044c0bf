/** What a scenario is given, and what it comes to. */
import type { Figure } from "../report/Figure.ts"
import type { Peer } from "../servers/Peers.ts"

export interface Settings {
  readonly rounds: number
  /** s that a measurement takes. */
  readonly seconds: number
  /** Entries of the large key space. */
  readonly entries: number
  /** The built `main.js`. */
  readonly serverFile: string
  readonly kvCache: Peer
  /** What else is installed. */
  readonly peers: ReadonlyArray<Peer>
  /** Names of what is not. */
  readonly missing: ReadonlyArray<string>
  /** Whether there is time for another round. */
  readonly hasTime: () => boolean
  /** Says what is being done. */
  readonly progress: (text: string) => void
}

export interface Outcome {
  readonly title: string
  /** Lines of text and tables. */
  readonly text: ReadonlyArray<string>
  readonly figures: ReadonlyArray<Figure>
  /** All that was measured, for the JSON. */
  readonly data: unknown
}

export interface Scenario {
  readonly name: string
  readonly about: string
  readonly run: (settings: Settings) => Promise<Outcome>
}

/** s; a server's and the generator's code is compiled and warm by then. */
export const WARMUP = 0.5

export const VALUE_SIZE = 64

/** Runs `round` as often as it is wanted and there is time for, at least once. */
export const repeat = async (
  settings: Settings,
  rounds: number,
  round: (index: number) => Promise<void>
): Promise<number> => {
  let done = 0
  while (done < rounds && (done === 0 || settings.hasTime())) await round(done++)
  return done
}

export const megabytes = (bytes: number | undefined): number => (bytes ?? Number.NaN) / 2 ** 20
