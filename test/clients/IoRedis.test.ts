/** ioredis, both of its current versions, and iovalkey: what their users do, in virtual time. */
import { Redis as IoRedis5 } from "ioredis"
import { Redis as IoRedis6 } from "ioredis6"
import { Redis as IoValkey } from "iovalkey"
import { assert, describe, it } from "vitest"
import { useFixture } from "./Fixture.ts"

const fixture = useFixture()

const clients = [
  { name: "ioredis 5", open: (url: string) => new IoRedis5(url) },
  { name: "ioredis 6", open: (url: string) => new IoRedis6(url) },
  { name: "iovalkey", open: (url: string) => new IoValkey(url) }
]

describe.each(clients)("$name", ({ open }) => {
  const connect = (database = 0) =>
    fixture.closing(open(`${fixture.server.redisUrl}/${database}`), (client) => client.disconnect())

  it("stores, counts, and lets a session expire", async () => {
    const { server } = fixture
    const redis = connect()
    assert.strictEqual(await redis.set("session:1", "ada", "EX", 1800), "OK")
    assert.strictEqual(await redis.incr("visits"), 1)
    assert.strictEqual(await redis.incrby("visits", 41), 42)
    await server.advance("29 minutes")
    assert.strictEqual(await redis.get("session:1"), "ada")
    assert.strictEqual(await redis.ttl("session:1"), 60)
    await server.advance("1 minute")
    assert.isNull(await redis.get("session:1"))
    assert.strictEqual(await redis.get("visits"), "42")
  })

  it("keeps bytes as they are, and pipelines thousands of commands", async () => {
    const redis = connect()
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
    await redis.set(bytes, bytes)
    assert.deepStrictEqual(await redis.getBuffer(bytes), bytes)
    const pipeline = redis.pipeline()
    for (let i = 0; i < 5000; i++) pipeline.set(`key:${i}`, `value ${i}`).get(`key:${i}`)
    const answers = (await pipeline.exec()) ?? []
    assert.strictEqual(answers.length, 10_000)
    for (const [i, [error, answer]] of answers.entries()) {
      assert.isNull(error)
      assert.strictEqual(answer, i % 2 === 0 ? "OK" : `value ${(i - 1) / 2}`)
    }
  })

  it("locks with SET NX PX, and the lock ends by itself", async () => {
    const { server } = fixture
    const [one, other] = [connect(), connect()]
    assert.strictEqual(await one.set("lock", "one", "PX", 10_000, "NX"), "OK")
    assert.isNull(await other.set("lock", "other", "PX", 10_000, "NX"))
    await server.advance(9999)
    assert.isNull(await other.set("lock", "other", "PX", 10_000, "NX"))
    await server.advance(1)
    assert.strictEqual(await other.set("lock", "other", "PX", 10_000, "NX"), "OK")
  })

  it("executes a transaction, and none whose keys have changed", async () => {
    const [one, other] = [connect(), connect()]
    await one.set("stock", 1)
    await one.watch("stock")
    assert.deepStrictEqual(await one.multi().decr("stock").get("stock").exec(), [
      [null, 0],
      [null, "0"]
    ])
    await one.watch("stock")
    await other.set("stock", 7)
    assert.isNull(await one.multi().decr("stock").exec())
    assert.strictEqual(await one.get("stock"), "7")
  })

  it("clears a cache by prefix with SCAN, and by database", async () => {
    const redis = connect()
    await Promise.all(Array.from({ length: 500 }, (_, i) => redis.set(`${i % 2 === 0 ? "user" : "post"}:${i}`, i)))
    const found = new Set<string>()
    for await (const keys of redis.scanStream({ match: "user:*", count: 50 })) {
      for (const key of keys) found.add(String(key))
    }
    assert.strictEqual(found.size, 250)
    assert.strictEqual(await redis.unlink(...found), 250)
    assert.strictEqual(await redis.dbsize(), 250)
    const other = connect(3)
    assert.strictEqual(await other.dbsize(), 0)
    await other.set("a", 1)
    await redis.flushdb()
    assert.deepStrictEqual([await redis.dbsize(), await other.dbsize()], [0, 1])
  })

  it("computes deadlines in Unix time, which is the server's as it moves", async () => {
    const { server } = fixture
    const redis = connect()
    await redis.set("a", 1)
    assert.strictEqual(await redis.pexpireat("a", server.unixTime() + 60_000), 1)
    await server.advance(59_999)
    assert.strictEqual(await redis.get("a"), "1")
    const [seconds] = await redis.time()
    assert.strictEqual(Number(seconds), Math.floor(server.unixTime() / 1000))
    await server.advance(1)
    assert.isNull(await redis.get("a"))
  })
})
