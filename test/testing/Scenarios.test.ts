/** 200 scenarios of expiry, over real sockets, exact to the millisecond. */
import { assert, expect, it } from "vitest"
import { startTestServer } from "../../src/testing.ts"
import * as PlainSocket from "./PlainSocket.ts"

const MISS = "ERROR key not found"

/** Seconds, from one to ten years. */
const ttls = [1, 2, 7, 60, 1800, 86_400, 2_592_000, 315_360_000]

/** How long after the PUT, in ms. */
const moments: ReadonlyArray<readonly [name: string, at: (ttl: number) => number]> = [
  ["at once", () => 0],
  ["half way", (ttl) => ttl * 500],
  ["a millisecond before its deadline", (ttl) => ttl * 1000 - 1],
  ["at its deadline", (ttl) => ttl * 1000],
  ["long after", (ttl) => ttl * 2000]
]

interface Run {
  readonly ask: (line: string) => Promise<string>
  readonly advance: (millis: number) => Promise<void>
  readonly ttl: number
  readonly isAlive: boolean
  /** ms until its deadline; negative behind it. */
  readonly left: number
}

/** What is done then, and what must come of it. */
const uses: ReadonlyArray<readonly [name: string, use: (run: Run) => Promise<void>]> = [
  [
    "GET, which does not prolong it",
    async ({ advance, ask, isAlive, left }) => {
      assert.strictEqual(await ask("GET key"), isAlive ? "OK value" : MISS)
      if (isAlive) await advance(left)
      assert.strictEqual(await ask("GET key"), MISS)
    }
  ],
  [
    "EXISTS, which does not either",
    async ({ advance, ask, isAlive, left }) => {
      assert.strictEqual(await ask("EXISTS key"), isAlive ? "OK 1" : "OK 0")
      if (isAlive) await advance(left)
      assert.strictEqual(await ask("EXISTS key"), "OK 0")
    }
  ],
  [
    "DELETE, after which it is gone",
    async ({ ask, isAlive }) => {
      assert.strictEqual(await ask("DELETE key"), isAlive ? "OK deleted" : MISS)
      assert.strictEqual(await ask("GET key"), MISS)
    }
  ],
  [
    "PUT with the same TTL, which begins anew",
    async ({ advance, ask, ttl }) => {
      assert.strictEqual(await ask(`PUT key other ${ttl}`), "OK stored")
      await advance(ttl * 1000 - 1)
      assert.strictEqual(await ask("GET key"), "OK other")
      await advance(1)
      assert.strictEqual(await ask("GET key"), MISS)
    }
  ],
  [
    "PUT without a TTL, which keeps it for good",
    async ({ advance, ask, ttl }) => {
      assert.strictEqual(await ask("PUT key other"), "OK stored")
      await advance(ttl * 3000)
      assert.strictEqual(await ask("GET key"), "OK other")
    }
  ]
]

const scenarios = ttls.flatMap((ttl) =>
  moments.flatMap(([moment, at]) =>
    uses.map(([name, use]) => ({ name: `a TTL of ${ttl} s, ${moment}: ${name}`, ttl, elapsed: at(ttl), use }))
  )
)

type Scenario = (typeof scenarios)[number]

/** Runs scenarios one after the other on one server, each with a key of its own. */
const runInTurn = async (ofOneServer: ReadonlyArray<Scenario>): Promise<void> => {
  await using server = await startTestServer({ idleTimeout: 0 })
  await using socket = await PlainSocket.connect(server)
  await PlainSocket.inTurn(ofOneServer.length, async (index) => {
    const { elapsed, name, ttl, use } = ofOneServer[index] ?? assert.fail("no scenario")
    const ask = async (line: string) => (await socket.ask(line.replace("key", `key${index}`))).join("\n")
    const run = async () => {
      assert.strictEqual(await ask(`PUT key value ${ttl}`), "OK stored")
      await server.advance(elapsed)
      const left = ttl * 1000 - elapsed
      await use({ ask, advance: server.advance, ttl, isAlive: left > 0, left })
    }
    await expect(run(), name).resolves.toBeUndefined()
  })
}

/** A clock goes on for 69 years: what takes ten of them, and ten more, shares it with few others. */
const groups = ttls.flatMap((ttl) => {
  const all = scenarios.filter((scenario) => scenario.ttl === ttl)
  return ttl < 10_000_000 ? [all] : all.map((scenario) => [scenario])
})

it("are all as they should be", async () => {
  await Promise.all(groups.map(runInTurn))
})
