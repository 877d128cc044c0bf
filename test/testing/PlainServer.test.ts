/** `startTestServer`: for any test runner, so nothing here knows of Effect. */
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { afterEach, assert, describe, expect, it, vi } from "vitest"
import { type RunningTestServer, startTestServer } from "../../src/testing.ts"
import * as PlainSocket from "./PlainSocket.ts"

const HIT = "OK 1"
const MISS = "ERROR key not found"

const YEAR = 365 * 24 * 60 * 60 * 1000

describe("a server in virtual time", () => {
  it("says where it is, and stands still at 0 ms", async () => {
    await using server = await startTestServer()
    assert.strictEqual(server.host, "127.0.0.1")
    assert.isAbove(server.port, 0)
    assert.strictEqual(server.url, `tcp://127.0.0.1:${server.port}`)
    assert.strictEqual(server.now(), 0)
    await server.advance(1)
    assert.strictEqual(server.now(), 1)
  })

  it("ends a session after 30 minutes, to the millisecond", async () => {
    await using server = await startTestServer({ idleTimeout: 0 })
    await using socket = await PlainSocket.connect(server)
    assert.deepStrictEqual(await socket.ask("PUT session:4711 ada 1800"), ["OK stored"])
    await server.advance("29 minutes")
    assert.deepStrictEqual(await socket.ask("GET session:4711"), ["OK ada"])
    await server.advance("59 seconds")
    await server.advance(999)
    assert.deepStrictEqual(await socket.ask("EXISTS session:4711"), [HIT])
    await server.advance(1)
    assert.deepStrictEqual(await socket.ask("GET session:4711", "EXISTS session:4711"), [MISS, "OK 0"])
    // Swept, before anybody had asked.
    await server.advance("1 second")
    assert.deepInclude((await server.stats()).store, { keys: 0, expired: 1 })
  })

  it("begins the next window of a rate limit with full credit", async () => {
    await using server = await startTestServer({ idleTimeout: 0 })
    await using socket = await PlainSocket.connect(server)
    const isAllowed = async (user: string): Promise<boolean> => {
      const [reply = ""] = await socket.ask(`GET rate:${user}`)
      const used = reply === MISS ? 0 : Number(reply.slice("OK ".length))
      if (used >= 3) return false
      // Only the first request of a window sets its end.
      const left = 60 - Math.floor((server.now() % 60_000) / 1000)
      await socket.ask(`PUT rate:${user} ${used + 1} ${left}`)
      return true
    }
    const inARow = async () => [
      await isAllowed("ada"),
      await isAllowed("ada"),
      await isAllowed("ada"),
      await isAllowed("ada")
    ]
    assert.deepStrictEqual(await inARow(), [true, true, true, false])
    await server.advance("59999 millis")
    assert.isFalse(await isAllowed("ada"))
    assert.isTrue(await isAllowed("grace"))
    await server.advance(1)
    assert.deepStrictEqual(await inARow(), [true, true, true, false])
  })

  it("keeps a lock that is renewed, and frees it when its holder is gone", async () => {
    await using server = await startTestServer({ idleTimeout: 0 })
    await using holder = await PlainSocket.connect(server)
    await using other = await PlainSocket.connect(server)
    await holder.ask("PUT lock holder 10")
    await PlainSocket.inTurn(100, async () => {
      await server.advance("9 seconds")
      assert.deepStrictEqual(await other.ask("EXISTS lock"), [HIT])
      await holder.ask("PUT lock holder 10")
    })
    await server.advance("9999 millis")
    assert.deepStrictEqual(await other.ask("EXISTS lock"), [HIT])
    await server.advance(1)
    assert.deepStrictEqual(await other.ask("EXISTS lock"), ["OK 0"])
  })

  it("lets a token expire between two requests of one connection", async () => {
    await using server = await startTestServer()
    await using socket = await PlainSocket.connect(server)
    assert.deepStrictEqual(await socket.ask("PUT token t 30", "GET token"), ["OK stored", "OK t"])
    await server.advance("30 seconds")
    assert.deepStrictEqual(await socket.ask("GET token"), [MISS])
  })

  it("goes on by ten years", async () => {
    await using server = await startTestServer({ idleTimeout: 0 })
    await using socket = await PlainSocket.connect(server)
    await socket.ask("PUT brief 1 1", "PUT decade 1 315360000", "PUT longer 1 315360001", "PUT forever 1")
    await server.advance(10 * YEAR)
    assert.strictEqual(server.now(), 10 * YEAR)
    assert.deepStrictEqual(await socket.ask("GET brief", "GET decade", "GET longer", "GET forever"), [
      MISS,
      MISS,
      HIT,
      HIT
    ])
    assert.deepInclude((await server.stats()).store, { keys: 2, expired: 2 })
  })

  it("goes on a thousand times in a row, and each step counts", async () => {
    await using server = await startTestServer({ idleTimeout: 0 })
    await using socket = await PlainSocket.connect(server)
    await socket.ask("PUT a 1 1000")
    await PlainSocket.inTurn(999, () => server.advance("1 second"))
    assert.deepStrictEqual(await socket.ask("GET a"), [HIT])
    await server.advance("1 second")
    assert.deepStrictEqual(await socket.ask("GET a"), [MISS])
    assert.strictEqual(server.now(), 1_000_000)
  })

  it("adds up steps that were asked for at once, each a whole one", async () => {
    await using server = await startTestServer()
    await Promise.all([server.advance(1000), server.setTime(3000), server.advance(1000), server.advance("1 minute")])
    assert.strictEqual(server.now(), 64_000)
  })

  it("closes idle connections when their time has come, as a raw socket sees it", async () => {
    await using server = await startTestServer()
    await using idle = await PlainSocket.connect(server)
    await using busy = await PlainSocket.connect(server)
    await idle.ask("EXISTS a")
    await server.advance("4 minutes")
    await busy.ask("EXISTS a")
    await server.advance("59999 millis")
    assert.isFalse(idle.hasEnded())
    await server.advance(1)
    // Without waiting: what came of the step has arrived when it is over.
    assert.isTrue(idle.hasEnded())
    assert.isFalse(busy.hasEnded())
    assert.deepInclude(await server.stats(), { open: 1, idled: 1 })
    await server.advance("1 day")
    assert.isTrue(busy.hasEnded())
    assert.deepInclude(await server.stats(), { open: 0, idled: 2 })
  })

  it("has executed what was sent before a step, and nothing that was not", async () => {
    await using server = await startTestServer()
    await using socket = await PlainSocket.connect(server)
    await PlainSocket.inTurn(20, async (i) => {
      socket.send(`PUT a${i} 1 10\n`)
      await server.advance("10 seconds")
      assert.strictEqual(socket.received(), "OK stored\n".repeat(i + 1))
      assert.deepInclude((await server.stats()).store, { puts: i + 1, keys: 0 })
    })
  })

  it("is moved by CLOCK too, on the same clock", async () => {
    await using server = await startTestServer()
    await using socket = await PlainSocket.connect(server)
    await server.advance(500)
    assert.deepStrictEqual(await socket.ask("CLOCK NOW", "CLOCK ADVANCE 500", "CLOCK SET 2500"), [
      "OK 500",
      "OK 1000",
      "OK 2500"
    ])
    assert.strictEqual(server.now(), 2500)
  })

  it("keeps to the limits that it is given", async () => {
    await using server = await startTestServer({ maxKeys: 2, maxConnections: 1, idleTimeout: "10 seconds" })
    await using socket = await PlainSocket.connect(server)
    await socket.ask("PUT a 1", "PUT b 1", "PUT c 1")
    assert.deepInclude((await server.stats()).store, { keys: 2, evicted: 1 })
    await using second = await PlainSocket.connect(server)
    assert.strictEqual(await second.untilEnd(), "ERROR too many connections: the limit is 1\n")
    await server.advance("10 seconds")
    assert.isTrue(socket.hasEnded())
  })

  it("sweeps as often as it is told", async () => {
    await using server = await startTestServer({ expireInterval: "1 minute" })
    await using socket = await PlainSocket.connect(server)
    await socket.ask("PUT a 1 1")
    await server.advance("59 seconds")
    assert.deepInclude((await server.stats()).store, { keys: 1, expired: 0 })
    await server.advance("1 second")
    assert.deepInclude((await server.stats()).store, { keys: 0, expired: 1 })
  })
})

describe("a server that is reset", () => {
  it("is as it was at its start, for every test of a suite that shares it", async () => {
    await using server = await startTestServer({ idleTimeout: 0 })
    await using socket = await PlainSocket.connect(server)
    const test = async () => {
      assert.strictEqual(server.now(), 0)
      assert.deepStrictEqual(await socket.ask("PUT lock holder 10", "PUT other 1"), ["OK stored", "OK stored"])
      await server.advance(9999)
      assert.deepStrictEqual(await socket.ask("EXISTS lock", "CLOCK NOW"), ["OK 1", "OK 9999"])
      await server.advance(1)
      assert.deepStrictEqual(await socket.ask("EXISTS lock", "EXISTS other"), ["OK 0", "OK 1"])
      await server.reset()
      assert.deepStrictEqual(await socket.ask("EXISTS other", "CLOCK NOW"), ["OK 0", "OK 0"])
      const [stats = ""] = await socket.ask("STATS")
      assert.include(stats, " uptime=0 keys=0 bytes=0 ")
      assert.strictEqual((await server.stats()).store.flushes, 0)
    }
    await test()
    await test()
    await test()
  })

  it("sweeps what is put after it, however much time went before", async () => {
    await using server = await startTestServer({ idleTimeout: 0 })
    await using socket = await PlainSocket.connect(server)
    // Three times what a clock goes through between two resets, and with it what the store's wheel reaches.
    const round = async (number: number) => {
      await socket.ask("PUT longest 1 2147483647", "PUT short 1 5")
      await server.advance(4999)
      assert.deepStrictEqual(await socket.ask("EXISTS short"), [HIT])
      await server.advance(1)
      assert.deepInclude((await server.stats()).store, { keys: 1, expired: 2 * number - 1 })
      await server.setTime(2_147_483_647_000 - 1)
      assert.deepStrictEqual(await socket.ask("EXISTS longest"), [HIT])
      await server.setTime(2 ** 41)
      assert.deepInclude((await server.stats()).store, { keys: 0, expired: 2 * number })
      await server.reset()
    }
    await round(1)
    await round(2)
    await round(3)
  })

  it("leaves its connections open, as idle as they were, and late replies as late as they were", async () => {
    await using server = await startTestServer({ idleTimeout: "10 seconds" })
    await using idle = await PlainSocket.connect(server)
    await using busy = await PlainSocket.connect(server)
    await idle.ask("PUT a 1")
    await server.advance("4 seconds")
    server.faults.set({ kind: "delay", millis: 3000, keys: /late/ })
    const late = busy.ask("EXISTS late")
    await server.advance("1 second")
    await server.reset()
    await server.advance(1999)
    assert.strictEqual(await Promise.race([late, Promise.resolve("nothing yet")]), "nothing yet")
    await server.advance(1)
    assert.deepStrictEqual(await late, ["OK 0"])
    await server.advance(2999)
    assert.deepInclude(await server.stats(), { open: 2, idled: 0 })
    await server.advance(1)
    assert.deepInclude(await server.stats(), { open: 1, idled: 1 })
    assert.strictEqual(await idle.untilEnd(), "")
  })

  it("is frozen, and knows neither the keys nor the time of a clock that ran", async () => {
    await using server = await startTestServer()
    await using socket = await PlainSocket.connect(server)
    await socket.ask("PUT a 1", "CLOCK RUN 1000000")
    const seen = await socket.ask("CLOCK RESET", "CLOCK NOW", "EXISTS a", "CLOCK NOW")
    assert.deepStrictEqual(seen, ["OK 0", "OK 0", "OK 0", "OK 0"])
  })
})

describe("what a clock refuses", () => {
  it("goes back neither by setTime nor by advance, and stays where it is", async () => {
    await using server = await startTestServer()
    await server.setTime(1000)
    await expect(server.setTime(999)).rejects.toThrow(new RangeError("the clock goes forward only: it is 1000 ms"))
    await expect(server.advance(-1)).rejects.toThrow(RangeError)
    await server.setTime(1000)
    assert.strictEqual(server.now(), 1000)
  })

  it.each([Number.NaN, 0.5, 1000.25])("is not set to %d", async (millis) => {
    await using server = await startTestServer()
    await expect(server.setTime(millis)).rejects.toThrow("whole milliseconds")
    assert.strictEqual(server.now(), 0)
  })

  it("does not go on by a part of a millisecond", async () => {
    await using server = await startTestServer()
    await expect(server.advance("1 micros")).rejects.toThrow("whole milliseconds")
    await server.advance("1.5 seconds")
    assert.strictEqual(server.now(), 1500)
  })

  it("ends after 69 years", async () => {
    await using server = await startTestServer()
    await server.setTime(2 ** 41)
    await expect(server.advance(1)).rejects.toThrow(`the clock goes up to ${2 ** 41} ms`)
    await expect(server.setTime(Number.POSITIVE_INFINITY)).rejects.toThrow(RangeError)
  })

  it("is not moved at all where it is real", async () => {
    await using server = await startTestServer({ clock: "real" })
    await expect(server.advance("1 hour")).rejects.toThrow(
      new TypeError('this server runs on the real clock: start it with { clock: "virtual" }')
    )
    await expect(server.setTime(Date.now() + 1000)).rejects.toThrow(TypeError)
    await expect(server.reset()).rejects.toThrow(TypeError)
    await using socket = await PlainSocket.connect(server)
    const [reply = ""] = await socket.ask("CLOCK ADVANCE 1000")
    assert.strictEqual(reply, "ERROR CLOCK is for servers with virtual time only: start one with serve --clock virtual")
  })
})

describe("a server in real time", () => {
  it("serves, and knows what time it is", async () => {
    await using server = await startTestServer({ clock: "real" })
    await using socket = await PlainSocket.connect(server)
    assert.deepStrictEqual(await socket.ask("PUT a 1 60", "GET a"), ["OK stored", HIT])
    const before = Date.now()
    const now = server.now()
    // The two may have been set at different times, but not by so much.
    assert.isAtLeast(now, before - 10_000)
    assert.isAtMost(now, Date.now() + 10_000)
  })

  it("lets time pass by itself", async () => {
    await using server = await startTestServer({ clock: "real", expireInterval: "1 millis", idleTimeout: "20 millis" })
    await using socket = await PlainSocket.connect(server)
    assert.strictEqual(await socket.untilEnd(), "")
    assert.deepInclude(await server.stats(), { open: 0, idled: 1 })
  })
})

describe("the end of a server", () => {
  it("closes its port and its connections", async () => {
    const server = await startTestServer()
    await using socket = await PlainSocket.connect(server)
    await server.stop()
    assert.strictEqual(await socket.untilEnd(), "")
    assert.strictEqual(await PlainSocket.refusal(server), "ECONNREFUSED")
  })

  it("may be asked for twice, and both wait for it", async () => {
    const server = await startTestServer()
    await using socket = await PlainSocket.connect(server)
    await socket.ask("EXISTS a")
    await Promise.all([server.stop(), server.stop().then(() => PlainSocket.refusal(server))])
    await server.stop()
    await server[Symbol.asyncDispose]()
    assert.deepInclude(await server.stats(), { open: 0 })
  })

  it("comes with the block that used it, also when that fails", async () => {
    let leaked: RunningTestServer | undefined
    const failing = async () => {
      await using server = await startTestServer()
      leaked = server
      await using socket = await PlainSocket.connect(server)
      await socket.ask("PUT a 1")
      throw new Error("the test failed")
    }
    await expect(failing()).rejects.toThrow("the test failed")
    assert.isDefined(leaked)
    if (leaked !== undefined) assert.strictEqual(await PlainSocket.refusal(leaked), "ECONNREFUSED")
  })

  it("waits for nobody, whatever is under way", async () => {
    const server = await startTestServer()
    await using reading = await PlainSocket.connect(server)
    server.faults.set({ kind: "delay", millis: 1_000_000 })
    reading.send("GET a\nGET b\n")
    await server.advance(1)
    await server.stop()
    assert.strictEqual(await reading.untilEnd(), "")
  })

  it("leaves nothing that keeps a process alive", async () => {
    const program = `
      import * as Net from "node:net"
      import { startTestServer } from "effect-kv-cache/testing"
      const use = async (clock) => {
        const server = await startTestServer({ clock })
        server.faults.set({ kind: "delay", millis: 1_000_000, keys: /^late$/ })
        const socket = Net.connect(server.port, server.host)
        await new Promise((resolve) => socket.once("data", resolve) && socket.write("PUT a 1 10\\nGET late\\n"))
        if (clock === "virtual") await server.advance("1 second")
        await server.stop()
        socket.on("error", () => {})
      }
      await Promise.all(["virtual", "real", "virtual", "real"].map(use))
      console.log("stopped")
    `
    const cwd = new URL("../..", import.meta.url)
    // It resolves when the process has ended by itself.
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program], { cwd })
    assert.strictEqual(stdout, "stopped\n")
  })
})

describe("many servers", () => {
  it("run side by side, 50 in one process, each with its own time, keys and faults", async () => {
    const servers = await Promise.all(Array.from({ length: 50 }, () => startTestServer()))
    assert.strictEqual(new Set(servers.map(({ port }) => port)).size, 50)
    servers[0]?.faults.set({ kind: "close", afterReplies: 2 })
    const results = await Promise.all(
      servers.map(async (server, index) => {
        const socket = await PlainSocket.connect(server)
        await socket.ask(`PUT key ${index} ${index + 1}`)
        await server.advance(`${25} seconds`)
        const [reply] = await socket.ask("GET key")
        return { now: server.now(), reply }
      })
    )
    for (const [index, { now, reply }] of results.entries()) {
      assert.strictEqual(now, 25_000)
      assert.strictEqual(reply, index < 25 ? MISS : `OK ${index}`)
    }
    await Promise.all(servers.map((server) => server.stop()))
  })
})

describe("beside fake timers", () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  const virtually = async (server: RunningTestServer) => {
    await using socket = await PlainSocket.connect(server)
    await socket.ask("PUT a 1 60")
    await server.advance("59999 millis")
    assert.deepStrictEqual(await socket.ask("GET a"), [HIT])
    await server.advance(1)
    assert.deepStrictEqual(await socket.ask("GET a"), [MISS])
    await server.advance("1 hour")
    assert.isTrue(socket.hasEnded())
    await server.stop()
    assert.strictEqual(await PlainSocket.refusal(server), "ECONNREFUSED")
  }

  const really = async (server: RunningTestServer) => {
    await using socket = await PlainSocket.connect(server)
    server.faults.set({ kind: "delay", millis: 5 })
    assert.deepStrictEqual(await socket.ask("PUT a 1 60", "GET a"), ["OK stored", HIT])
    server.faults.clear()
    // Years of the fake clock are none of the server's.
    vi.setSystemTime(4e12)
    await vi.advanceTimersByTimeAsync(YEAR)
    assert.isBelow(server.now(), 4e12)
    assert.deepStrictEqual(await socket.ask("GET a"), [HIT])
    await server.stop()
    assert.strictEqual(await PlainSocket.refusal(server), "ECONNREFUSED")
  }

  const everything = { now: 1_000_000 }

  it("runs in virtual time where they were there first", async () => {
    vi.useFakeTimers(everything)
    const server = await startTestServer()
    await virtually(server)
    assert.strictEqual(vi.getTimerCount(), 0)
  })

  it("runs in virtual time where they came later, and went", async () => {
    const server = await startTestServer()
    await using socket = await PlainSocket.connect(server)
    await socket.ask("PUT b 1 10")
    vi.useFakeTimers(everything)
    await server.advance("9 seconds")
    assert.deepStrictEqual(await socket.ask("GET b"), [HIT])
    await vi.advanceTimersByTimeAsync(YEAR)
    assert.strictEqual(server.now(), 9000)
    vi.useRealTimers()
    await server.advance("1 second")
    assert.deepStrictEqual(await socket.ask("GET b"), [MISS])
    vi.useFakeTimers(everything)
    await virtually(server)
  })

  it("runs in real time where they were there first", async () => {
    vi.useFakeTimers(everything)
    await really(await startTestServer({ clock: "real" }))
    assert.strictEqual(vi.getTimerCount(), 0)
  })

  it("runs in real time where they came later", async () => {
    const server = await startTestServer({ clock: "real" })
    vi.useFakeTimers(everything)
    await really(server)
  })

  it("runs where the package itself was loaded under them", async () => {
    vi.useFakeTimers(everything)
    vi.resetModules()
    const fresh = await import("../../src/testing.ts")
    await virtually(await fresh.startTestServer())
    await really(await fresh.startTestServer({ clock: "real" }))
  })
})
