/** Exchanges of RESP over a real socket, compared byte for byte. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Ended, RawClient } from "../RawClient.ts"

/** Requests as clients write them: arrays of bulk strings. Each is one line of words without quotes. */
export const requests = (...lines: ReadonlyArray<string>): string =>
  lines.map((line) => encode(line.split(" "))).join("")

/** One request with any words. */
export const encode = (words: ReadonlyArray<string>): string =>
  `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`

/** Lines as they are on the wire. */
export const wire = (...lines: ReadonlyArray<string>): string => lines.map((line) => `${line}\r\n`).join("")

/** A bulk string on the wire. */
export const bulk = (text: string): string => wire(`$${text.length}`, text)

/** Sends bytes, and checks that the answer begins with the expected ones: for what is still open behind them. */
export const begin = (client: RawClient, sent: string, expected: string): Effect.Effect<void, Ended> =>
  Effect.gen(function* () {
    yield* client.send(sent)
    assert.strictEqual((yield* client.bytes(expected.length)).toString("latin1"), expected)
  })

const SENTINEL = "nothing-more-has-come"

/** Sends bytes, and checks that they are answered with exactly the expected ones, which are all that comes. */
export const exchange = (client: RawClient, sent: string, expected: string): Effect.Effect<void, Ended> =>
  Effect.gen(function* () {
    yield* client.send(sent + requests(`PING ${SENTINEL}`))
    const end = bulk(SENTINEL)
    let received = ""
    while (!received.endsWith(end)) received += yield* client.lines(1)
    assert.strictEqual(received.slice(0, -end.length), expected)
  })
