/** Reads the place of a bit, or of a number of some bits, in a value. */
import type { CommandBatch } from "../domain/CommandBatch.ts"
import { ERR, FixedReply } from "../domain/Reply.ts"
import { integerIn } from "./Arguments.ts"
import type { Execution } from "./Execution.ts"

/** Instead of an offset: the argument is none. */
export const NO_OFFSET = -1

export const offsetIsWrong = new FixedReply((sink) => sink.error(ERR, "bit offset is not an integer or out of range"))

const HASH = 0x23
const BITS = 8

/**
 * The offset in bits that an argument stands for. Where numbers of `width` bits are placed, `#n` is the place of the n-th
 * one; where bits are, `width` is 0.
 */
export const bitOffset = (
  { maxValueBytes }: Execution,
  commands: CommandBatch,
  command: number,
  argument: number,
  width: number
): number => {
  const { view } = commands
  const start = commands.argStart(command, argument)
  const length = commands.argLength(command, argument)
  const isCounted = width > 0 && length > 0 && view.getUint8(start) === HASH
  const number = isCounted ? integerIn(view, start + 1, length - 1) * width : integerIn(view, start, length)
  return number >= 0 && number < maxValueBytes * BITS ? number : NO_OFFSET
}
