/** Puts load on a server with the generator, in the few ways that the scenarios share. */
import type { Destination, GeneratorOptions, GeneratorResult, ProbeOptions, ProbeResult } from "../load/Messages.ts"
import { ask, Helper } from "../Processes.ts"
import type { Server } from "../servers/Peers.ts"
import { VALUE_SIZE, WARMUP } from "./Scenario.ts"

/** How long a fill may take, in s: some 20,000 keys a second. */
const FILL_LIMIT = 250

/** How long the rest of a helper's work may take, in s: its start and its preparation. */
const MARGIN = 30

const destinationOf = ({ isTls, password, port, wire }: Server): Destination => ({ port, wire, isTls, password })

const generate = (options: GeneratorOptions, seconds: number): Promise<GeneratorResult> =>
  ask("generator", options, seconds + MARGIN)

export interface Load {
  readonly connections: number
  readonly pipeline: number
  /** How many keys there are. All of them are in the cache. */
  readonly keys: number
  /** How many of the requests are PUTs, from 0 to 1; half of them if it is not given. */
  readonly putShare?: number
  /** See `MixOptions.skew`; 0 if it is not given. */
  readonly skew?: number
  readonly seconds: number
  readonly seed: number
  /** The generator's niceness; 0 if it is not given. */
  readonly nice?: number
}

/** PUTs and GETs of keys that are there. */
export const drive = (server: Server, load: Load): Promise<GeneratorResult> => {
  const { connections, keys, nice = 0, pipeline, putShare = 0.5, seconds, seed, skew = 0 } = load
  return generate(
    {
      ...destinationOf(server),
      serverPid: server.pid,
      connections,
      pipeline,
      valueSize: VALUE_SIZE,
      nice,
      work: { kind: "mix", keys, putShare, skew, warmup: WARMUP, seconds, seed }
    },
    WARMUP + seconds
  )
}

export interface Fill {
  readonly keys: number
  readonly firstKey?: number
  readonly valueSize?: number
  /** The second after the start in which all keys expire. */
  readonly expireAfter?: number
  readonly nice?: number
}

/** A PUT of each key, over few connections, so that at most a fraction of a ms of work waits in their pipelines. */
export const load = (server: Server, fill: Fill): Promise<GeneratorResult> => {
  const { expireAfter = 0, firstKey = 0, keys, nice = 0, valueSize = VALUE_SIZE } = fill
  return generate(
    {
      ...destinationOf(server),
      serverPid: server.pid,
      connections: 4,
      pipeline: 64,
      valueSize,
      nice,
      work: { kind: "fill", firstKey, keys, expireAfter }
    },
    FILL_LIMIT
  )
}

/** The generator's niceness. It yields to server and probe, so that the probe waits for the server, not for a core. */
export const POLITE = 10

/** Runs some work against a server while a probing client watches. */
export const probed = async <A>(
  server: Server,
  during: () => Promise<A>
): Promise<{ readonly probe: ProbeResult; readonly result: A }> => {
  const helper = new Helper("probe", { ...destinationOf(server), serverPid: server.pid } satisfies ProbeOptions)
  try {
    await helper.next<object>(MARGIN)
    const result = await during()
    helper.release()
    return { probe: await helper.next<ProbeResult>(MARGIN), result }
  } finally {
    await helper.stop()
  }
}
