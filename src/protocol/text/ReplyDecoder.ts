/**
 * Decodes the text protocol's replies: lines in, replies out. A line alone is ambiguous: `OK 1` may be a value or an
 * existence. So each line is read as the answer to the command that awaits one.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { type Command, Value } from "../../domain/Command.ts"
import * as Reply from "../../domain/Reply.ts"
import type { MalformedReply, ReplyDecoder } from "../Protocol.ts"
import { Lines } from "./Lines.ts"

// An answer is shorter than the longest request, so the same bound applies. A peer that exceeds it is cut off.
const MAX_REPLY_LINE_BYTES = 4096

const MAX_SHOWN = 64

/** Text from a peer is shown to people, so it must not move their cursor. */
const toPrintable = (text: string): string => text.replaceAll(/[^\x20-\x7e]/g, "?")

const malformedReply = (line: string): MalformedReply => ({
  _tag: "MalformedReply",
  received: toPrintable(line.slice(0, MAX_SHOWN))
})

const decodeValue = Schema.decodeUnknownOption(Value)

const decodeOk = (text: string, expected: Command["_tag"] | undefined): Reply.Reply | undefined => {
  switch (expected) {
    case "Put":
      return text === "stored" ? Reply.stored : undefined
    case "Get":
      return Option.getOrUndefined(Option.map(decodeValue(text), Reply.found))
    case "Delete":
      return text === "deleted" ? Reply.deleted : undefined
    case "Exists":
      return text === "1" ? Reply.present : text === "0" ? Reply.absent : undefined
    case "Explain":
      return Reply.explained(toPrintable(text))
    case "Stats":
      return decodePairs(text)
    case "Flush":
      return text === "flushed" ? Reply.flushed : undefined
    case "Auth":
      return text === "authenticated" ? Reply.authenticated : undefined
    case "Clock":
      return /^[0-9]+$/.test(text) ? Reply.time(Number(text)) : undefined
    default:
      return undefined
  }
}

/**
 * Words of the form `name=value`. A server may send names that this client does not know. They are shown as they came.
 */
const PAIRS = /^[a-z][a-z0-9_]*=[\x21-\x7e]+(?: [a-z][a-z0-9_]*=[\x21-\x7e]+)*$/

const decodePairs = (text: string): Reply.Reply | undefined => {
  if (!PAIRS.test(text)) return undefined
  const pairs = text.split(" ").map((pair) => {
    const equals = pair.indexOf("=")
    return [pair.slice(0, equals), pair.slice(equals + 1)] as const
  })
  return Reply.statistics(Object.fromEntries(pairs))
}

/** The wire's message for a miss. A miss is not a failure. */
export const NOT_FOUND_MESSAGE = "key not found"

const decodeLine = (line: string, expected: Command["_tag"] | undefined): Reply.Reply | MalformedReply => {
  if (line.startsWith("ERROR ")) {
    const message = toPrintable(line.slice("ERROR ".length))
    const isMiss = message === NOT_FOUND_MESSAGE && (expected === "Get" || expected === "Delete")
    return isMiss ? Reply.notFound : Reply.failed(message)
  }
  const reply = line.startsWith("OK ") ? decodeOk(line.slice("OK ".length), expected) : undefined
  return reply ?? malformedReply(line)
}

export class TextReplyDecoder implements ReplyDecoder {
  private readonly lines = new Lines(MAX_REPLY_LINE_BYTES)

  decode(
    bytes: string,
    expected: () => Command["_tag"] | undefined,
    onReply: (reply: Reply.Reply | MalformedReply) => void
  ): void {
    let at = 0
    while (at < bytes.length) {
      const found = this.lines.next(bytes, at)
      if (found === "more") return
      if (found === "too-long") return onReply(malformedReply(bytes.slice(at, at + MAX_SHOWN)))
      const { end, source, start } = this.lines
      at = this.lines.offset
      const reply = decodeLine(source.slice(start, end), expected())
      onReply(reply)
      if (reply._tag === "MalformedReply") return
    }
  }
}
