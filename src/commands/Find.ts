/** Finds the entry of a command's first key. Returns `NOT_THERE` if there is none. */
import type { CommandBatch } from "../domain/CommandBatch.ts"
import type { Execution } from "./Execution.ts"

export const find = ({ database, engine, now }: Execution, commands: CommandBatch, command: number): number => {
  const key = commands.firstKey(command)
  return engine.find(commands.view, commands.keyStart(key), commands.keyLength(key), commands.hash(key), database, now)
}
