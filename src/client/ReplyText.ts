/**
 * Replies as a person or a script reads them: what the wire says, or only the value of a GET.
 *
 * The words are the protocol's own. A line that is typed or piped is read by the protocol's decoder in the same way, so
 * what a server would answer to a bad one is known without asking it.
 */
import type { Reply } from "../domain/Reply.ts"
import type { ProtocolService } from "../protocol/Protocol.ts"
import { type Request, RequestReader } from "../protocol/RequestReader.ts"

export interface Format {
  readonly protocol: ProtocolService
  /** Of a GET that hit, only the value. */
  readonly raw: boolean
}

/** A reply's line, with its end. */
export const toText = (reply: Reply, { protocol, raw }: Format): string =>
  raw && reply._tag === "Found" ? `${reply.value}\n` : protocol.encodeReply(reply)

/** A reply's line, without its end. */
export const toLine = (reply: Reply, format: Format): string => toText(reply, format).slice(0, -1)

/** Whether a reply says that something was not done or not there: what a script wants to tell apart. */
export const isError = (reply: Reply): boolean => reply._tag === "Failed" || reply._tag === "NotFound"

/** One line as the server would read it, in the middle of a connection. */
export const readLine = (line: string, protocol: ProtocolService): Request => {
  // A connection's first line is read more strictly, for the sake of browsers: this one comes second.
  const requests = new RequestReader(protocol.makeRequestDecoder()).read(Buffer.from(`\n${line}\n`))
  return requests[1] ?? { _tag: "Malformed", message: "one line at a time", reason: "syntax" }
}
