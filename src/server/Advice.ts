/** What an operator is told of a cache's size when it stops. Pure. */
import { type Curve, missRatioAt } from "../insight/Insight.ts"

const percent = (missRatio: number): string => `${(100 * (1 - missRatio)).toFixed(1)} %`

/**
 * The hit rate of all reads, and what other sizes would give if there is a curve; nothing before the first read. The
 * curve is of the last minutes, so the size as it is comes with it.
 */
export const advice = (hits: number, misses: number, curve: Curve | undefined): string | undefined => {
  if (hits + misses === 0) return undefined
  const rate = `hit rate ${percent(misses / (hits + misses))}`
  if (curve === undefined) return rate
  const at = (factor: number): string => percent(missRatioAt(curve.points, curve.here.bytes * factor))
  return `${rate}, of late ${at(1)}; 2x the memory would give ${at(2)}, half of it ${at(0.5)}`
}
