/** The machine that the figures were measured on. */
import { cpus, release, totalmem } from "node:os"

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGB: number
  readonly system: string
  readonly node: string
}

export const thisMachine = (): Machine => ({
  cpu: cpus()[0]?.model ?? "unknown",
  cores: cpus().length,
  memoryGB: Math.round(totalmem() / 2 ** 30),
  system: `${process.platform} ${release()} ${process.arch}`,
  node: process.versions.node
})

export const describeMachine = ({ cores, cpu, memoryGB, node, system }: Machine): string =>
  `${cpu}, ${cores} cores, ${memoryGB} GB, ${system}, Node ${node}`
