/** Unix time of a test server, for clients that compute deadlines from their own clocks. */
import * as Net from "node:net"
import { once } from "node:events"
import { afterEach, assert, describe, it, vi } from "vitest"
import { startTestServer } from "../../src/testing.ts"

/** Whether a Unix time is this machine's, as far as its clocks agree. */
const isPresent = (millis: number): boolean => Math.abs(millis - Date.now()) < 3_600_000

const START = Date.UTC(2030, 0, 31)

describe("a test server's Unix time", () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it("begins at the machine's, moves with the clock alone, and begins again with a reset", async () => {
    await using server = await startTestServer()
    const start = server.unixTime()
    assert.isTrue(isPresent(start))
    await server.advance("1 day")
    assert.strictEqual(server.unixTime(), start + 86_400_000)
    assert.strictEqual(server.now(), 86_400_000)
    await server.reset()
    assert.isTrue(isPresent(server.unixTime()))
    assert.strictEqual(server.now(), 0)
  })

  it("can begin at any time, to which clients' clocks can be set", async () => {
    await using server = await startTestServer({ unixTime: START })
    vi.useFakeTimers({ toFake: ["Date"], now: server.unixTime() })
    const socket = Net.connect(server.port, server.host)
    const ask = async (...words: ReadonlyArray<string>) => {
      socket.write(`*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`)
      return String((await once(socket, "data"))[0])
    }
    assert.strictEqual(await ask("SET", "a", "1", "PXAT", String(Date.now() + 60_000)), "+OK\r\n")
    await server.advance(59_999)
    vi.setSystemTime(server.unixTime())
    assert.strictEqual(Date.now(), START + 59_999)
    assert.strictEqual(await ask("PTTL", "a"), ":1\r\n")
    assert.strictEqual(await ask("PEXPIREAT", "a", String(Date.now() + 1000)), ":1\r\n")
    assert.strictEqual(await ask("PEXPIRETIME", "a"), `:${START + 60_999}\r\n`)
    assert.strictEqual(await ask("TIME"), "*2\r\n$10\r\n1896048059\r\n$6\r\n999000\r\n")
    assert.strictEqual(await ask("CLOCK", "ADVANCE", "1000"), ":60999\r\n")
    assert.strictEqual(await ask("EXISTS", "a"), ":0\r\n")
    await server.reset()
    assert.strictEqual(server.unixTime(), START)
    assert.strictEqual(await ask("CLOCK", "NOW"), ":0\r\n")
    socket.destroy()
  })

  it("is the machine's where time is real, and the same port serves clients of Redis", async () => {
    await using server = await startTestServer({ clock: "real" })
    assert.isTrue(isPresent(server.unixTime()))
    assert.strictEqual(server.redisUrl, `redis://${server.host}:${server.port}`)
  })
})
