/** EXPLAIN and the metrics of a real server in virtual time, beside an exact model: over both protocols and the admin port. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { seededRandom } from "../engine/SeededRandom.ts"
import { Fates } from "../insight/Fates.ts"
import { requests } from "../server/resp/Exchanges.ts"
import * as Exposition from "./Exposition.ts"
import * as Watched from "./Watched.ts"

const KEYS = 300
const MAX_KEYS = 100
const CASES = 1000
const SEED = 14

const VALUE = "value"

describe("EXPLAIN", () => {
  it.effect("is right in 1,000 random cases, over both protocols and the admin port, and so are the metrics", () =>
    Effect.gen(function* () {
      const random = seededRandom(SEED)
      const server = yield* Watched.start({ maxKeys: MAX_KEYS, expireInterval: Duration.millis(100) })
      const text = yield* server.connect()
      const redis = yield* server.connect()
      const fates = new Fates(MAX_KEYS)

      const inText = (line: string) => Effect.map(text.ask(`${line}\n`), (reply) => reply.slice(0, -1))
      const inResp = (line: string, lines = 1) =>
        Effect.map(Effect.andThen(redis.send(requests(line)), redis.lines(lines)), (reply) => reply.slice(0, -2))

      const put = Effect.fnUntraced(function* (key: string) {
        // In ms; the text protocol has whole seconds.
        const isText = random.below(2) === 0
        const ttl =
          random.below(3) > 0 ? undefined : isText ? 1000 * (1 + random.below(6)) : 10 * (1 + random.below(500))
        fates.put(key, VALUE, ttl)
        if (isText) return assert.strictEqual(yield* inText(`PUT ${key} ${VALUE} ${(ttl ?? 0) / 1000}`), "OK stored")
        assert.strictEqual(yield* inResp(`SET ${key} ${VALUE}${ttl === undefined ? "" : ` PX ${ttl}`}`), "+OK")
      })

      const get = Effect.fnUntraced(function* (key: string) {
        const isHit = fates.read(key)
        if (random.below(2) === 0) {
          return assert.strictEqual(yield* inText(`GET ${key}`), isHit ? `OK ${VALUE}` : "ERROR key not found")
        }
        assert.strictEqual(yield* inResp(`GET ${key}`, isHit ? 2 : 1), isHit ? `$5\r\n${VALUE}` : "$-1")
      })

      const remove = Effect.fnUntraced(function* (key: string) {
        const was = fates.delete(key)
        if (random.below(2) === 0) {
          return assert.strictEqual(yield* inText(`DELETE ${key}`), was ? "OK deleted" : "ERROR key not found")
        }
        assert.strictEqual(yield* inResp(`${random.below(2) === 0 ? "DEL" : "UNLINK"} ${key}`), was ? ":1" : ":0")
      })

      const explain = Effect.fnUntraced(function* (key: string) {
        switch (random.below(3)) {
          case 0: {
            const reply = yield* inText(`EXPLAIN ${key}`)
            assert.match(reply, /^OK /)
            return fates.check(key, reply.slice(3))
          }
          case 1: {
            const reply = yield* inResp(`EXPLAIN ${key}`)
            assert.match(reply, /^\+/)
            return fates.check(key, reply.slice(1))
          }
          default: {
            const { body, status } = yield* server.ask(`/explain?key=${key}`)
            assert.strictEqual(status, 200)
            return fates.check(key, body.slice(0, -1))
          }
        }
      })

      for (let cases = 0; cases < CASES;) {
        const millis = 10 * random.below(40)
        yield* TestClock.adjust(Duration.millis(millis))
        fates.wait(millis)
        // Some are asked for often, and some hardly ever.
        const key = `key${random.below(1 + random.below(KEYS))}`
        const action = random.below(10)
        if (action < 4) yield* put(key)
        else if (action < 6) yield* get(key)
        else if (action === 6) yield* remove(key)
        else {
          yield* explain(key)
          cases++
        }
      }
      for (const kind of ["hit", "deleted", "expired", "evicted", "never put"]) {
        assert.isAbove(fates.told.get(kind) ?? 0, 20, kind)
      }

      // What has expired is swept a little later.
      yield* TestClock.adjust("200 millis")
      fates.wait(200)
      const metrics = Exposition.parse((yield* server.ask("/metrics")).body)
      const samples = (name: string) => metrics.get(name)?.samples ?? assert.fail(`there is no ${name}`)
      const byReason = (name: string) =>
        Object.fromEntries(samples(name).map(({ labels, value }) => [labels["reason"], value]))
      assert.deepStrictEqual(byReason("kv_cache_misses_total"), fates.misses)
      const { deleted, evicted, expired } = byReason("kv_cache_removals_total")
      assert.deepStrictEqual({ deleted, evicted, expired }, fates.removals)
      const idle = samples("kv_cache_victim_idle_seconds").find(({ name }) => name.endsWith("_count"))
      assert.strictEqual(idle?.value, fates.removals.evicted)
      assert.isAbove(fates.removals.evicted, 100)
    })
  )
})
