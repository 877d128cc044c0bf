/** STATS CURVE, HOT and BIG, and what the log says at the end: over a real server, in virtual time. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { entryBytes } from "../../src/engine/Engine.ts"
import * as Exposition from "../admin/Exposition.ts"
import * as Watched from "../admin/Watched.ts"
import { requests } from "./resp/Exchanges.ts"
import * as TestServer from "./TestServer.ts"

/** The words of STATS by name. */
const fields = (line: string): ReadonlyMap<string, string> => {
  assert.match(line, /^OK (?:[a-z0-9_]+=[\x21-\x7e]+ ?)+\n$/)
  return new Map(
    line
      .slice(3, -1)
      .split(" ")
      .map((word) => [word.slice(0, word.indexOf("=")), word.slice(word.indexOf("=") + 1)] as const)
  )
}

const NO_CURVE = "ERROR there is no curve: too little was read so far, or sampling is off (--sampling)\n"

describe("STATS CURVE", () => {
  it.effect("says what other sizes would give; so do the metrics, and the log at the end", () =>
    Effect.gen(function* () {
      const keys = 20_000
      const server = yield* Watched.start({ maxKeys: keys / 2 })
      const client = yield* server.connect()
      assert.strictEqual(yield* client.ask("STATS CURVE\n"), NO_CURVE)
      // Each key is read, and stored if it is missing, in a circle: half of the keys never hit, all of them always would.
      for (let round = 0; round < 3; round++) {
        for (let key = 0; key < keys; key += 500) {
          const some = Array.from({ length: 500 }, (_, index) => `key${key + index}`)
          yield* client.ask(some.map((name) => `GET ${name}\nPUT ${name} value\n`).join(""))
        }
      }
      const curve = fields(yield* client.ask("stats curve\n"))
      assert.deepStrictEqual(
        [...curve.keys()],
        ["memory", "samples", ...["0_125", "0_25", "0_5", "1", "2", "4", "8"].map((factor) => `hits_x${factor}`)]
      )
      assert.approximately(Number(curve.get("memory")), (keys / 2) * entryBytes(8, 5, false), 20_000)
      assert.isAbove(Number(curve.get("samples")), 1024)
      const hits = (factor: string) => Number(curve.get(`hits_x${factor}`))
      // About 1,250 keys are sampled, which ones is chance: these are five standard deviations.
      for (const small of ["0_125", "0_5", "1"]) assert.isAtMost(hits(small), 14, small)
      // The first of three rounds finds nothing.
      assert.approximately(hits("4"), 66.7, 5)
      assert.strictEqual(hits("8"), hits("4"))

      const metrics = Exposition.parse((yield* server.ask("/metrics")).body)
      const ratios = metrics.get("kv_cache_miss_ratio")?.samples ?? []
      const ratio = (size: string) => ratios.find(({ labels }) => labels["size"] === size)?.value ?? Number.NaN
      assert.approximately(ratio("1"), 1 - hits("1") / 100, 0.0006)
      assert.approximately(ratio("4"), 1 - hits("4") / 100, 0.0006)
      assert.strictEqual(
        yield* server.advice,
        `hit rate 0.0 %, of late ${curve.get("hits_x1")} %; ` +
          `2x the memory would give ${curve.get("hits_x2")} %, half of it ${curve.get("hits_x0_5")} %`
      )
    })
  )
})

describe("STATS HOT", () => {
  it.effect("shows the keys that are used most, of any database, as words", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ idleTimeout: Duration.zero })
      const client = yield* server.connect()
      assert.strictEqual(yield* client.ask("STATS HOT\n"), "OK keys=0\n")
      const redis = yield* server.connect()
      for (let round = 0; round < 200; round++) {
        yield* client.ask("GET hottest\n".repeat(40) + "GET cold\n")
        yield* redis.send(requests("SELECT 3", ...Array.from({ length: 20 }, () => "GET a%\x01")))
        yield* redis.lines(21)
      }
      const hot = fields(yield* client.ask("STATS HOT\n"))
      const [first = "", second = ""] = [hot.get("hot1"), hot.get("hot2")]
      assert.match(first, /^hottest:\d+$/)
      assert.match(second, /^db3:a%25%01:\d+$/)
      // Sampled: one use in 64.
      assert.approximately(Number(first.split(":")[1]), 8000 * Math.LN2, 2000)
      assert.approximately(Number(second.split(":")[2]), 4000 * Math.LN2, 1500)
      assert.strictEqual(Number(hot.get("keys")), hot.size - 1)

      yield* TestClock.adjust("10 minutes")
      yield* client.ask("GET new\n".repeat(2000))
      assert.match(fields(yield* client.ask("STATS HOT\n")).get("hot1") ?? "", /^new:\d+$/)
    })
  )
})

describe("STATS BIG", () => {
  it.effect("shows the keys that take most, of any database, as words, long ones shortened", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      assert.strictEqual(yield* client.ask("STATS BIG\n"), "OK keys=0\n")
      const redis = yield* server.connect()
      const long = "k".repeat(150)
      yield* redis.send(requests(`SET big ${"v".repeat(5000)}`, `SET ${long} ${"v".repeat(3000)}`))
      yield* redis.send(requests("SELECT 15", `SET in\x00db ${"v".repeat(4000)}`))
      yield* redis.lines(4)
      yield* client.ask(Array.from({ length: 20 }, (_, key) => `PUT key${key} value\n`).join(""))
      const big = fields(yield* client.ask("STATS BIG\n"))
      assert.deepStrictEqual(
        [1, 2, 3].map((rank) => big.get(`big${rank}`)),
        [
          `big:${entryBytes(3, 5000, false)}`,
          `db15:in%00db:${entryBytes(5, 4000, false)}`,
          `${"k".repeat(100)}...:${entryBytes(150, 3000, false)}`
        ]
      )
      assert.strictEqual(big.get("keys"), "10")
      yield* client.ask("DELETE big\n")
      assert.match(fields(yield* client.ask("STATS BIG\n")).get("big1") ?? "", /^db15:in%00db:/)
    })
  )
})

describe("STATS", () => {
  it.effect("refuses what is no topic, in either protocol", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      assert.match(yield* client.ask("STATS NONSENSE\n"), /^ERROR .*CURVE.*\n$/)
      const redis = yield* server.connect()
      yield* redis.send(requests("STATS NONSENSE", "STATS CURVE"))
      assert.match(yield* redis.lines(2), /^-ERR .*\r\n-ERR there is no curve: .*\r\n$/)
    })
  )
})
