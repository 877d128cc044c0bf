/** Finds the entry of a command's first key, of any key of a batch, or of other bytes. Returns `NOT_THERE` if there is none. */
import type { CommandBatch } from "../domain/CommandBatch.ts"
import { NOT_THERE } from "../engine/Engine.ts"
import { MAX_KEY_LENGTH } from "../engine/Limits.ts"
import type { Execution } from "./Execution.ts"

export const find = (execution: Execution, commands: CommandBatch, command: number): number =>
  findKey(execution, commands, commands.firstKey(command))

export const findKey = ({ database, engine, now }: Execution, commands: CommandBatch, key: number): number =>
  engine.find(commands.view, commands.keyStart(key), commands.keyLength(key), commands.hash(key), database, now)

/** The entry of a key that is no key of its batch. */
export const findBytes = ({ engine, now }: Execution, bytes: Buffer, database: number): number => {
  const { length } = bytes
  if (length > MAX_KEY_LENGTH) return NOT_THERE
  const view = new DataView(bytes.buffer, bytes.byteOffset, length)
  return engine.find(view, 0, length, engine.hashOf(view, 0, length), database, now)
}
