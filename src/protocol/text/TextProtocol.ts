/** This project's own wire protocol, one line a request and one line a reply, as an implementation of the port. */
import * as Layer from "effect/Layer"
import { Protocol, type ProtocolService } from "../Protocol.ts"
import { encodeCommand, encodeReply } from "./Encoder.ts"
import { TextReplyDecoder } from "./ReplyDecoder.ts"
import { TextReplyWriter } from "./ReplyWriter.ts"
import { TextRequestDecoder } from "./RequestDecoder.ts"

export const textProtocol: ProtocolService = {
  makeRequestDecoder: () => new TextRequestDecoder(),
  makeReplyDecoder: () => new TextReplyDecoder(),
  makeReplyWriter: () => new TextReplyWriter(),
  encodeReply,
  encodeCommand
}

/** Serves and speaks the text protocol. */
export const layer: Layer.Layer<Protocol> = Layer.succeed(Protocol, textProtocol)
