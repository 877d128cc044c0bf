/**
 * Texts within bytes, written and compared without making strings: a load test repeats a few of them, and whatever it costs is
 * measured with the server.
 */

/** Writes a text at an offset and returns the offset after it. */
export const writeText = (text: Buffer, into: Buffer, at: number): number => {
  for (let i = 0; i < text.length; i++) into[at + i] = text[i] ?? 0
  return at + text.length
}

/** Whether `bytes` has the whole text between `at` and `end`. */
export const isText = (text: Buffer, bytes: Buffer, at: number, end: number): boolean => {
  if (end - at < text.length) return false
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text[i]) return false
  return true
}
