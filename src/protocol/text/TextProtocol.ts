/**
 * This project's own wire protocol as an implementation of the port: one line for a request and one line for a reply.
 * The work is in the modules beside it.
 */
import * as Layer from "effect/Layer"
import { Protocol, type ProtocolService } from "../Protocol.ts"
import { encodeCommand, encodeReply } from "./Encoder.ts"
import { TextReplyDecoder } from "./ReplyDecoder.ts"
import { TextReplyWriter } from "./ReplyWriter.ts"
import { TextRequestDecoder } from "./RequestDecoder.ts"

export const textProtocol: ProtocolService = {
  makeRequestDecoder: () => new TextRequestDecoder(),
  makeReplyDecoder: () => new TextReplyDecoder(),
  makeReplyWriter: (onError) => new TextReplyWriter(onError),
  encodeReply,
  encodeCommand
}

/** Provides the text protocol. */
export const layer: Layer.Layer<Protocol> = Layer.succeed(Protocol, textProtocol)
