/** Parameters of small load tests, to be changed by tests. */
import type { LoadTestOptions } from "../../src/loadtest/LoadTest.ts"
import { makeVocabulary, type WorkloadOptions } from "../../src/loadtest/Workload.ts"

export const workloadOf = (changes: Partial<WorkloadOptions> = {}): WorkloadOptions => ({
  seed: 42,
  connections: 2,
  ratio: 0.5,
  keySize: 16,
  valueSize: 64,
  distribution: "uniform",
  zipfExponent: 0.99,
  ...changes
})

/** The keys and values of a workload as text. */
export const wordsOf = (workload: WorkloadOptions) => {
  const { keySize, valueSize, writeKey, writeValue } = makeVocabulary(workload)
  const text = (size: number, write: (into: Buffer, at: number, number: number) => number) => (number: number) => {
    const bytes = Buffer.alloc(size)
    return bytes.toString("latin1", 0, write(bytes, 0, number))
  }
  return { key: text(keySize, writeKey), value: text(valueSize, writeValue) }
}

export interface Changes extends Partial<Omit<LoadTestOptions, "workload">> {
  readonly workload?: Partial<WorkloadOptions>
}

/** 50 requests on each of two connections, in a closed loop without a warm-up. */
export const optionsOf = (address: { readonly host: string; readonly port: number }, changes: Changes = {}) => {
  const { workload, ...rest } = changes
  const options: LoadTestOptions = {
    host: address.host,
    port: address.port,
    protocol: "text",
    pipeline: 1,
    ttl: 0,
    requests: 50,
    warmup: 0,
    timeout: 5000,
    threads: 1,
    ...rest,
    workload: workloadOf(workload)
  }
  return options
}
