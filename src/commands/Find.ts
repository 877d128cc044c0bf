/** Finds the entry of a command's first key, or of any key of a batch. Returns `NOT_THERE` if there is none. */
import type { CommandBatch } from "../domain/CommandBatch.ts"
import type { Execution } from "./Execution.ts"

export const find = (execution: Execution, commands: CommandBatch, command: number): number =>
  findKey(execution, commands, commands.firstKey(command))

export const findKey = ({ database, engine, now }: Execution, commands: CommandBatch, key: number): number =>
  engine.find(commands.view, commands.keyStart(key), commands.keyLength(key), commands.hash(key), database, now)
