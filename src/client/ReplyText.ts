/**
 * Replies as a person or a script reads them: the line of the wire, or only the value of a GET.
 *
 * The words are the protocol's own. A typed or piped line is read by the protocol's decoder, so the client knows what
 * the server would say to a bad one without asking it.
 */
import type { Reply } from "../domain/Reply.ts"
import type { ProtocolService } from "../protocol/Protocol.ts"
import { type Request, RequestReader } from "../protocol/RequestReader.ts"

export interface Format {
  readonly protocol: ProtocolService
  /** Print only the value of a GET that hit. */
  readonly raw: boolean
}

/** A reply's line, with its newline. */
export const toText = (reply: Reply, { protocol, raw }: Format): string =>
  raw && reply._tag === "Found" ? `${reply.value}\n` : protocol.encodeReply(reply)

/** A reply's line, without its newline. */
export const toLine = (reply: Reply, format: Format): string => toText(reply, format).slice(0, -1)

/** Whether a reply says that something failed or was not there. Scripts need to tell these from success. */
export const isError = (reply: Reply): boolean => reply._tag === "Failed" || reply._tag === "NotFound"

/** Reads one line as the server would in the middle of a connection. */
export const readLine = (line: string, protocol: ProtocolService): Request => {
  // A connection's first line is read more strictly, as a guard against browsers. So this one comes second.
  const requests = new RequestReader(protocol.makeRequestDecoder()).read(Buffer.from(`\n${line}\n`))
  return requests[1] ?? { _tag: "Malformed", message: "one line at a time", reason: "syntax" }
}
