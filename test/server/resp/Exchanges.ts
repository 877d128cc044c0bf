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

/** Requests, each one line of words. */
export const requests = (...lines: ReadonlyArray<string>): string =>
  lines.map((line) => request(...line.split(" "))).join("")

/** Lines as they are on the wire. */
export const wire = (...lines: ReadonlyArray<string>): string => lines.map((line) => `${line}\r\n`).join("")

/** Sends bytes, and checks that the answer begins with the expected ones. */
export const begin = Effect.fnUntraced(function* (client: RawClient.RawClient, sent: string, expected: string) {
  yield* client.send(sent)
  const bytes = yield* client.bytes(expected.length)
  assert.strictEqual(bytes.toString("latin1"), expected)
})

const SENTINEL = "nothing-more"

/** Sends bytes, and checks that exactly the expected ones come. */
export const converse = Effect.fnUntraced(function* (client: RawClient.RawClient, sent: string, expected: string) {
  yield* begin(client, sent, expected)
  yield* begin(client, requests(`PING ${SENTINEL}`), bulk(SENTINEL))
})

/** The reply that is one bulk string. */
export const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`

/** Sends a request whose answer is one bulk string, and gives the text. */
export const textOf = Effect.fnUntraced(function* (client: RawClient.RawClient, words: string) {
  yield* client.send(request(...words.split(" ")))
  const header = yield* client.lines(1)
  return (yield* client.bytes(Number(header.slice(1)) + 2)).toString("latin1").slice(0, -2)
})
