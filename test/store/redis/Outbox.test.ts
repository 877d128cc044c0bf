/** Requests as bytes: what a server reads is what was put in, however long, and is not overwritten once it is another's. */
import { assert, describe, it } from "@effect/vitest"
import { Outbox, prepared } from "../../../src/store/redis/Outbox.ts"

const MEGABYTE = 1024 * 1024

describe("Outbox", () => {
  it("writes requests one behind the other", () => {
    const out = new Outbox()
    out.begin(3)
    out.raw(prepared("SET"))
    out.word(Buffer.from("a key and more"), 2, 3)
    out.text("é")
    out.begin(12)
    for (let word = 0; word < 12; word++) out.text("x".repeat(word * 10))
    const words = Array.from({ length: 12 }, (_, word) => `$${word * 10}\r\n${"x".repeat(word * 10)}\r\n`)
    const expected = `*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$1\r\né\r\n*12\r\n${words.join("")}`
    assert.strictEqual(out.peek().toString("latin1"), expected)
  })

  it("grows with what is put in, and writes long words whole", () => {
    const out = new Outbox()
    const long = Buffer.from(Uint8Array.from({ length: 3 * MEGABYTE }, (_, at) => at % 251))
    const raw = prepared("y".repeat(100_000))
    out.begin(3)
    out.text("SET")
    out.raw(raw)
    out.word(long, 0, long.length)
    const header = `*3\r\n$3\r\nSET\r\n${raw.toString()}$${long.length}\r\n`
    const bytes = out.peek()
    assert.strictEqual(bytes.toString("latin1", 0, header.length), header)
    assert.isTrue(bytes.subarray(header.length, -2).equals(long))
    assert.strictEqual(bytes.toString("latin1", bytes.length - 2), "\r\n")
  })

  it("reuses its memory once that is cleared, unless it is much", () => {
    const out = new Outbox()
    out.text("a")
    const { buffer } = out.peek()
    out.clear()
    assert.strictEqual(out.length, 0)
    out.text("b")
    assert.strictEqual(out.peek().buffer, buffer)
    out.word(Buffer.alloc(2 * MEGABYTE), 0, 2 * MEGABYTE)
    out.clear()
    out.text("c")
    assert.isBelow(out.peek().buffer.byteLength, MEGABYTE)
  })

  it("leaves what it has given away as it was", () => {
    const out = new Outbox()
    out.text("given away")
    const given = out.peek()
    out.renew()
    out.text("the next one")
    assert.strictEqual(given.toString(), "$10\r\ngiven away\r\n")
    assert.strictEqual(out.peek().toString(), "$12\r\nthe next one\r\n")
  })
})
