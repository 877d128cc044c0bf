/** The benchmark checks every reply to the last byte, in each protocol and however the reply is cut. */
import { assert, describe, it } from "@effect/vitest"
import { type Batch, fill, mix } from "../../scripts/bench/load/Batch.ts"
import { ReplyCheck } from "../../scripts/bench/load/ReplyCheck.ts"
import { keyOf, valueOf, wires, type WireName } from "../../scripts/bench/load/Wire.ts"

const KEY = keyOf(7)
const VALUE = valueOf(7, 64)

const requests: ReadonlyArray<readonly [WireName, string, string]> = [
  ["text", `PUT ${KEY} ${VALUE}\nGET ${KEY}\n`, `OK stored\nOK ${VALUE}\n`],
  [
    "resp",
    `*3\r\n$3\r\nSET\r\n$16\r\n${KEY}\r\n$64\r\n${VALUE}\r\n*2\r\n$3\r\nGET\r\n$16\r\n${KEY}\r\n`,
    `+OK\r\n$64\r\n${VALUE}\r\n`
  ],
  ["memcached", `set ${KEY} 0 0 64\r\n${VALUE}\r\nget ${KEY}\r\n`, `STORED\r\nVALUE ${KEY} 0 64\r\n${VALUE}\r\nEND\r\n`]
]

const batchOf = (replies: ReadonlyArray<string>): Batch => {
  const ends: Array<number> = []
  for (const reply of replies) ends.push((ends.at(-1) ?? 0) + reply.length)
  return {
    request: "",
    replies: Buffer.from(replies.join(""), "latin1"),
    ends: Uint32Array.from(ends),
    first: 0,
    count: replies.length
  }
}

const makeCheck = (batch: Batch): ReplyCheck => {
  const check = new ReplyCheck()
  check.expect(batch)
  return check
}

const accept = (check: ReplyCheck, text: string): number | string =>
  check.accept(Buffer.from(text, "latin1"), text.length)

describe.each(requests)("%s", (name, request, answer) => {
  const wire = wires[name]
  const replies = [wire.stored, wire.found(KEY, VALUE)]

  it("writes requests and knows their replies", () => {
    assert.strictEqual(wire.put(KEY, VALUE, 0) + wire.get(KEY), request)
    assert.strictEqual(replies.join(""), answer)
  })

  it("takes the right replies, cut anywhere", () => {
    for (let cut = 1; cut < answer.length; cut++) {
      const check = makeCheck(batchOf(replies))
      const first = accept(check, answer.slice(0, cut))
      assert.strictEqual(first, cut >= wire.stored.length ? 1 : 0)
      assert.isFalse(check.isDone)
      assert.strictEqual(accept(check, answer.slice(cut)), cut >= wire.stored.length ? 1 : 2)
      assert.isTrue(check.isDone)
    }
  })

  it("refuses a reply with any byte changed", () => {
    for (let at = 0; at < answer.length; at++) {
      const wrong = `${answer.slice(0, at)}~${answer.slice(at + 1)}`
      assert.include(String(accept(makeCheck(batchOf(replies)), wrong)), "expected")
    }
  })

  it("refuses what was not asked for", () => {
    assert.include(String(accept(makeCheck(batchOf(replies)), `${answer}x`)), 'not asked for: "x"')
    assert.include(String(accept(new ReplyCheck(), "x")), 'not asked for: "x"')
  })

  it("makes a mix whose replies belong to its requests", () => {
    const next = mix(wire, { keys: 1000, valueSize: 64, putShare: 0.5, skew: 0, pipeline: 16, seed: 3 })
    let puts = 0
    for (let i = 0; i < 200; i++) {
      const { count, ends, first, replies, request } = next() ?? assert.fail("the mix has ended")
      assert.strictEqual(count, 16)
      let rest = request.toString("latin1")
      let expected = ""
      for (let j = 0; j < count; j++) {
        const key = /\d{16}/.exec(rest)?.[0] ?? ""
        const value = valueOf(Number(key), 64)
        const put = wire.put(key, value, 0)
        const isPut = rest.startsWith(put)
        assert.isTrue(isPut || rest.startsWith(wire.get(key)))
        if (isPut) puts++
        expected += isPut ? wire.stored : wire.found(key, value)
        rest = rest.slice(isPut ? put.length : wire.get(key).length)
      }
      assert.strictEqual(rest, "")
      assert.strictEqual(replies.toString("latin1", ends[first - 1] ?? 0, ends[first + count - 1]), expected)
    }
    assert.isAbove(puts, 200 * 16 * 0.4)
    assert.isBelow(puts, 200 * 16 * 0.6)
  })
})

describe("fill", () => {
  it("puts each key once, with the TTL of its moment, and ends", () => {
    let ttl = 9
    const next = fill(wires.text, { firstKey: 5, keys: 5, valueSize: 8, pipeline: 2, ttl: () => ttl-- })
    const sent: Array<string> = []
    const check = new ReplyCheck()
    for (let batch = next(); batch !== undefined; batch = next()) {
      sent.push(...batch.request.toString().trimEnd().split("\n"))
      check.expect(batch)
      assert.strictEqual(accept(check, "OK stored\n".repeat(batch.count)), batch.count)
      assert.isTrue(check.isDone)
    }
    const expected = [5, 6, 7, 8, 9].map((key, i) => `PUT ${keyOf(key)} ${valueOf(key, 8)} ${9 - Math.floor(i / 2)}`)
    assert.deepStrictEqual(sent, expected)
  })
})
