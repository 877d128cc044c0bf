/** Requests and replies of RESP for tests that check bytes, over a raw client. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as RawClient from "../RawClient.ts"

/** A request as an array of bulk strings. A word has one character for each byte. */
export const request = (...words: ReadonlyArray<string>): string =>
  `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`

/** Sends a request and takes exactly this reply. */
export const exchange = Effect.fnUntraced(function* (client: RawClient.RawClient, words: string, reply: string) {
  yield* client.send(request(...words.split(" ")))
  const bytes = yield* client.bytes(reply.length)
  assert.strictEqual(bytes.toString("latin1"), reply)
})

/** The reply that is one bulk string. */
export const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`

/** Sends a request whose answer is one bulk string, and gives the text. */
export const textOf = Effect.fnUntraced(function* (client: RawClient.RawClient, words: string) {
  yield* client.send(request(...words.split(" ")))
  const header = yield* client.lines(1)
  return (yield* client.bytes(Number(header.slice(1)) + 2)).toString("latin1").slice(0, -2)
})
