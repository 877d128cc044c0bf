/** Splits bytes of either version of RESP into replies, without reading what they mean. */

const CR = 0x0d

/** Where the reply that begins at `start` ends, or -1 if it is not all there. */
export const frameEnd = (bytes: Buffer, start: number): number => {
  let at = start
  for (let missing = 1; missing > 0; missing--) {
    const lineEnd = bytes.indexOf(CR, at)
    if (lineEnd === -1 || lineEnd + 2 > bytes.length) return -1
    const type = String.fromCharCode(bytes[at] ?? 0)
    const length = Number(bytes.toString("latin1", at + 1, lineEnd))
    at = lineEnd + 2
    if ("$=!".includes(type) && length >= 0) at += length + 2
    else if ("*~>".includes(type) && length > 0) missing += length
    else if ("%|".includes(type)) missing += 2 * length
    if (at > bytes.length) return -1
  }
  return at
}
