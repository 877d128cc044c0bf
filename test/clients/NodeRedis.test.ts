/** node-redis, both of its current versions: what their users do, in virtual time; and its client-side cache. */
import { createClient as createClient6 } from "redis"
import { createClient as createClient5 } from "redis5"
import { assert, describe, it } from "vitest"
import { useFixture } from "./Fixture.ts"

const fixture = useFixture()

/** What the suite uses of a client: the types of the two versions are not each other's. */
interface Transaction {
  readonly decr: (key: string) => Transaction
  readonly get: (key: string) => Transaction
  readonly exec: () => Promise<unknown>
}

interface Client {
  set(key: string, value: string, options?: { EX: number }): Promise<unknown>
  get(key: string): Promise<unknown>
  mGet(keys: Array<string>): Promise<unknown>
  incrBy(key: string, by: number): Promise<unknown>
  ttl(key: string): Promise<unknown>
  pExpire(key: string, millis: number): Promise<unknown>
  unlink(keys: Array<string>): Promise<unknown>
  dbSize(): Promise<unknown>
  ping(): Promise<unknown>
  watch(key: string): Promise<unknown>
  multi(): Transaction
  scanIterator(options: { MATCH: string }): AsyncIterable<Array<string>>
  destroy(): void
}

const CACHE = { ttl: 0, maxEntries: 0, evictPolicy: "LRU" } as const

const open5 = async (url: string, RESP: 2 | 3, isCaching = false): Promise<Client> => {
  const client = isCaching ? createClient5({ url, RESP: 3, clientSideCache: CACHE }) : createClient5({ url, RESP })
  // An idle connection is closed after 5 minutes; a client without a listener would throw.
  client.on("error", () => {})
  return client.connect()
}

const open6 = async (url: string, RESP: 2 | 3, isCaching = false): Promise<Client> => {
  const client = isCaching ? createClient6({ url, RESP: 3, clientSideCache: CACHE }) : createClient6({ url, RESP })
  // An idle connection is closed after 5 minutes; a client without a listener would throw.
  client.on("error", () => {})
  return client.connect()
}

const clients = [
  { name: "redis 5", RESP: 2, open: open5 },
  { name: "redis 5", RESP: 3, open: open5 },
  { name: "redis 6", RESP: 2, open: open6 },
  { name: "redis 6", RESP: 3, open: open6 }
] as const

describe.each(clients)("$name, RESP $RESP", ({ open, RESP }) => {
  const connect = async () => fixture.closing(await open(fixture.server.redisUrl, RESP), (client) => client.destroy())

  it("stores, counts, and lets a session expire", async () => {
    const { server } = fixture
    const redis = await connect()
    assert.strictEqual(await redis.set("session:1", "ada", { EX: 1800 }), "OK")
    assert.strictEqual(await redis.incrBy("visits", 42), 42)
    await server.advance("29 minutes")
    assert.strictEqual(await redis.get("session:1"), "ada")
    assert.strictEqual(await redis.ttl("session:1"), 60)
    await server.advance("1 minute")
    assert.isNull(await redis.get("session:1"))
    assert.deepStrictEqual(await redis.mGet(["session:1", "visits"]), [null, "42"])
  })

  it("executes a transaction, and none whose keys have changed", async () => {
    const [one, other] = [await connect(), await connect()]
    await one.set("stock", "1")
    await one.watch("stock")
    assert.deepStrictEqual(await one.multi().decr("stock").get("stock").exec(), [0, "0"])
    await one.watch("stock")
    await other.set("stock", "7")
    const refused = await one
      .multi()
      .decr("stock")
      .exec()
      .then(
        () => "executed",
        (error: unknown) => (error instanceof Error ? error.constructor.name : String(error))
      )
    assert.strictEqual(refused, "WatchError")
  })

  it("clears a cache by prefix with SCAN", async () => {
    const redis = await connect()
    await Promise.all(Array.from({ length: 500 }, (_, i) => redis.set(`${i % 2 === 0 ? "user" : "post"}:${i}`, "1")))
    const found: Array<string> = []
    for await (const keys of redis.scanIterator({ MATCH: "user:*" })) found.push(...keys)
    assert.strictEqual(await redis.unlink([...new Set(found)]), 250)
    assert.strictEqual(await redis.dbSize(), 250)
  })
})

const caching = [
  { name: "redis 5", open: open5 },
  { name: "redis 6", open: open6 }
]

describe.each(caching)("the client-side cache of $name", ({ open }) => {
  it("answers from memory, until others change a value, or it expires", async () => {
    const { closing, server } = fixture
    const redis = closing(await open(server.redisUrl, 3, true), (client) => client.destroy())
    const other = closing(await open(server.redisUrl, 3), (client) => client.destroy())
    const gets = async () => (await server.stats()).store.gets
    await other.set("a", "1")
    const before = await gets()
    assert.strictEqual(await redis.get("a"), "1")
    assert.strictEqual(await redis.get("a"), "1")
    assert.strictEqual(await gets(), before + 1)

    await other.set("a", "2")
    // The invalidation has been sent before the other one's answer to this.
    await redis.ping()
    assert.strictEqual(await redis.get("a"), "2")
    assert.strictEqual(await redis.get("a"), "2")
    assert.strictEqual(await gets(), before + 2)

    await other.pExpire("a", 1000)
    await redis.ping()
    assert.strictEqual(await redis.get("a"), "2")
    await server.advance("1 second")
    assert.isNull(await redis.get("a"))
    assert.isNull(await redis.get("a"))
    assert.strictEqual(await gets(), before + 4)
  })
})
