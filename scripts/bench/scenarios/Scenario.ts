/** What a scenario is given, and what it returns. */
import type { Figure } from "../report/Figure.ts"
import type { Peer } from "../servers/Peers.ts"

export interface Settings {
  readonly rounds: number
  /** How long a measurement takes, in s. */
  readonly seconds: number
  /** How many entries the large key space has. */
  readonly entries: number
  /** The built `main.js`. */
  readonly serverFile: string
  readonly kvCache: Peer
  /** The peers that are installed. */
  readonly peers: ReadonlyArray<Peer>
  /** The names of the peers that are not installed. */
  readonly missing: ReadonlyArray<string>
  /** Whether there is time for another round. */
  readonly hasTime: () => boolean
  /** Reports what is being done. */
  readonly progress: (text: string) => void
}

export interface Outcome {
  readonly title: string
  /** Lines of text and tables. */
  readonly text: ReadonlyArray<string>
  readonly figures: ReadonlyArray<Figure>
  /** Everything that was measured, for the JSON. */
  readonly data: unknown
}

export interface Scenario {
  readonly name: string
  readonly about: string
  readonly run: (settings: Settings) => Promise<Outcome>
}

/** The warm-up, in s. After it, the code of server and generator is compiled. */
export const WARMUP = 0.5

export const VALUE_SIZE = 64

/** Runs `round` as often as asked for and as there is time for, at least once. */
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
