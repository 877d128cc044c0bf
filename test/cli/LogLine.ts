/** A line of the program's JSON log. */
import * as Predicate from "effect/Predicate"

export interface LogLine {
  readonly level: string
  readonly message: string
  readonly annotations: Readonly<Record<string, unknown>>
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => Predicate.isObject(value)

/** `undefined` for text that is not JSON, such as the output of a program that could not start. */
export const parseLine = (text: string): LogLine | undefined => {
  if (!text.startsWith("{")) return undefined
  const line: unknown = JSON.parse(text)
  if (!isRecord(line)) return undefined
  const { annotations, level, message } = line
  return { level: String(level), message: String(message), annotations: isRecord(annotations) ? annotations : {} }
}
