/** What INFO and STATS say of an engine that is elsewhere, and of what is kept of it in this process. */
import type { EngineDescription } from "../store/Executor.ts"

type Fields = ReadonlyArray<readonly [name: string, value: string | number]>

const nearFields = ({ near }: EngineDescription): Fields =>
  Object.entries(near() ?? {}).map(([name, value]) => {
    const words = name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    return [`near_${words}`, value] as const
  })

/** For INFO: one line for each server. Its state is last, since it may be a sentence. */
export const engineInfo = (engine: EngineDescription): Fields => [
  ["kv_cache_engine", engine.name],
  ...engine.nodes().map(({ address, commands, failed, role, roundTrip, state }, index) => {
    const took = roundTrip === null ? "" : `,round_trip_ms=${roundTrip.toFixed(3)}`
    const counts = `commands=${commands},failed=${failed}${took}`
    return [`kv_cache_engine_node${index}`, `address=${address},role=${role},${counts},state=${state}`] as const
  }),
  ...nearFields(engine)
]

/** For STATS, whose values are single words. Nothing where the keys are in this process. */
export const engineStatistics = (engine: EngineDescription): Readonly<Record<string, string>> => {
  if (engine.name === "memory") return {}
  const nodes = engine.nodes()
  const lines = nodes.map(({ address, isUp, role }, index) => [
    `engine_node${index}`,
    `${role},${address},${isUp ? "up" : "down"}`
  ])
  return {
    engine: engine.name,
    engine_nodes: String(nodes.length),
    engine_nodes_up: String(nodes.filter(({ isUp }) => isUp).length),
    ...Object.fromEntries(lines),
    ...Object.fromEntries(nearFields(engine).map(([name, value]) => [name, String(value)]))
  }
}
