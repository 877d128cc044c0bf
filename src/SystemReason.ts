/** Why the system refused something, in its own words: `no such file or directory`, `no space left on device`. */
import * as Util from "node:util"
import type { PlatformError } from "effect/PlatformError"
import * as Predicate from "effect/Predicate"

/** The system's words for the error number that Node's errors carry. `undefined` without one. */
export const systemReason = (error: unknown): string | undefined => {
  if (!Predicate.hasProperty(error, "errno") || typeof error.errno !== "number") return undefined
  const [, words] = Util.getSystemErrorMap().get(error.errno) ?? []
  return words
}

/** Why an operation on a file failed, without a full stop. */
export const fileReason = (error: PlatformError): string => systemReason(error.reason.cause) ?? error.message
