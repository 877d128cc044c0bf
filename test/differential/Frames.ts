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

/** The parts of a reply that is an array; nothing if it is none. */
export const partsOf = (reply: string): ReadonlyArray<string> | undefined => {
  if (!/^\*[0-9]/.test(reply)) return undefined
  const bytes = Buffer.from(reply, "latin1")
  const parts: Array<string> = []
  for (let at = bytes.indexOf(CR) + 2; at < bytes.length;) {
    const end = frameEnd(bytes, at)
    if (end === -1) return undefined
    parts.push(bytes.toString("latin1", at, end))
    at = end
  }
  return parts
}
