/**
 * Ways to serve the same requests, side by side in alternating rounds. Each round has new processes of all of them, because
 * two processes of one program differ by what their compilers have made of it.
 *
 * `Throughput.ts` measures the peers, each of which goes on through all rounds.
 */
import type { GeneratorResult } from "../load/Messages.ts"
import type { Server } from "../servers/Peers.ts"
import { drive, type Load, load } from "./Driver.ts"
import { type Outcome, repeat, type Scenario, type Settings } from "./Scenario.ts"
import { CONNECTIONS, type Rounds, type Target, throughputTable, toFigure } from "./Throughput.ts"

/** Ends what was started, the last first. */
export class Started {
  private readonly stops: Array<() => Promise<void>> = []

  add<A extends { readonly stop: () => Promise<void> }>(started: A): A {
    this.stops.push(() => started.stop())
    return started
  }

  async stop(): Promise<void> {
    // One after the other: what stands before another one would complain.
    for (const stop of this.stops.toReversed()) await stop()
  }
}

/** Ends what `use` has started when it is over. */
export const during = async <A>(use: (started: Started) => Promise<A>): Promise<A> => {
  const started = new Started()
  try {
    return await use(started)
  } finally {
    await started.stop()
  }
}

export type Requests = Pick<Load, "pipeline" | "keys" | "skew" | "putShare">

/** One of the ways that are compared. */
export interface Way {
  readonly name: string
  /** Starts what is to be measured, with keys in it. */
  readonly start: (settings: Settings, started: Started) => Promise<Server>
}

/** A way whose server is given so many keys when it has started. */
export const filled = (name: string, keys: number, start: Way["start"]): Way => ({
  name,
  start: async (settings, started) => {
    const server = await start(settings, started)
    await load(server, { keys })
    return server
  }
})

/** Alternating rounds. */
export const measure = async (
  settings: Settings,
  name: string,
  ways: ReadonlyArray<Way>,
  requests: Requests,
  warmUp?: Omit<Load, "seed">
): Promise<ReadonlyArray<Rounds>> => {
  const all = ways.map((way): Rounds => ({ server: way.name, rounds: [] }))
  await repeat(settings, settings.rounds, async (round) => {
    for (const [index, way] of ways.entries()) {
      settings.progress(`${name}: round ${round + 1} of ${settings.rounds}, ${way.name}`)
      const result = await during(async (started): Promise<GeneratorResult> => {
        const server = await way.start(settings, started)
        if (warmUp !== undefined) await drive(server, { ...warmUp, seed: 1000 + round })
        const { seconds } = settings
        return drive(server, { connections: CONNECTIONS, seconds, seed: round + 1, ...requests })
      })
      all[index]?.rounds.push(result)
    }
  })
  return all
}

export const find = (all: ReadonlyArray<Rounds>, server: string): Rounds =>
  all.find((it) => it.server === server) ?? { server, rounds: [] }

export const inFlight = (pipeline: number): string => (pipeline === 1 ? "one request" : `${pipeline} requests`)

/** Two ways, of which the first is to come near to the second. */
export interface Pair {
  readonly name: string
  readonly about: string
  readonly title: string
  readonly ours: Way
  readonly theirs: Way
  readonly requests: Requests
  /** What comes before each measurement. */
  readonly warmUp?: Omit<Load, "seed">
  readonly target: Omit<Target, "peer">
}

export const pair = ({ about, name, ours, requests, target, theirs, title, warmUp }: Pair): Scenario => ({
  name,
  about: `${about}: ${inFlight(requests.pipeline)} in flight`,
  run: async (settings): Promise<Outcome> => {
    const all = await measure(settings, name, [ours, theirs], requests, warmUp)
    const measured = find(all, ours.name)
    return {
      title: `${title}, ${CONNECTIONS} connections, ${inFlight(requests.pipeline)} in flight on each`,
      text: throughputTable(ours.name, measured, all),
      figures: [toFigure(measured, all, { ...target, peer: theirs.name })],
      data: all
    }
  }
})
