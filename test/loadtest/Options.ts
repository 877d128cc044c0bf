/** Parameters of small load tests, for tests to change. */
import type { LoadTestOptions } from "../../src/loadtest/LoadTest.ts"
import type { WorkloadOptions } from "../../src/loadtest/Workload.ts"

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

export interface Changes extends Partial<Omit<LoadTestOptions, "workload">> {
  readonly workload?: Partial<WorkloadOptions>
}

/** 50 requests on each of two connections, in a closed loop without a warm-up. */
export const optionsOf = (address: { readonly host: string; readonly port: number }, changes: Changes = {}) => {
  const { workload, ...rest } = changes
  const options: LoadTestOptions = {
    host: address.host,
    port: address.port,
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
