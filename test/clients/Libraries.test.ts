/** Libraries over Redis clients, as their users use them: sessions, caches and locks, in virtual time. */
import { createServer } from "node:http"
import { once } from "node:events"
import KeyvRedis from "@keyv/redis"
import { BentoCache, bentostore } from "bentocache"
import { redisDriver } from "bentocache/drivers/redis"
import { createCache } from "cache-manager"
import { RedisStore } from "connect-redis"
import session from "express-session"
import { Redis as IoRedis } from "ioredis"
import { Keyv } from "keyv"
import { createClient } from "redis"
import { createLock, IoredisAdapter } from "redlock-universal"
import { createStorage } from "unstorage"
import unstorageRedis from "unstorage/drivers/redis"
import { afterEach, assert, beforeEach, describe, it, vi } from "vitest"
import { useFixture } from "./Fixture.ts"

const fixture = useFixture()

// Clients' clocks are set to the server's.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: fixture.server.unixTime() })
})
afterEach(() => {
  vi.useRealTimers()
})

/** Moves the time of the server and that of its clients together. */
const advance = async (duration: Parameters<typeof fixture.server.advance>[0]): Promise<void> => {
  await fixture.server.advance(duration)
  vi.setSystemTime(fixture.server.unixTime())
}

const connectIoRedis = () => fixture.closing(new IoRedis(fixture.server.redisUrl), (client) => client.disconnect())

describe("connect-redis with express-session", () => {
  it("keeps a session for 30 minutes after the last request", async () => {
    const client = createClient({ url: fixture.server.redisUrl })
    client.on("error", () => {})
    fixture.closing(await client.connect(), () => client.destroy())
    const middleware = session({
      store: new RedisStore({ client, prefix: "shop:" }),
      secret: "of this test",
      resave: false,
      saveUninitialized: false,
      rolling: true,
      cookie: { maxAge: 30 * 60_000 }
    })
    const http = createServer((request, response) => {
      const next = () => {
        const { session: kept } = Object.assign(request, { session: { visits: 0 }, ...request })
        kept.visits = (kept.visits ?? 0) + 1
        response.end(String(kept.visits))
      }
      // The middleware asks for what Express adds to a request.
      Reflect.apply(middleware, undefined, [Object.assign(request, { originalUrl: request.url }), response, next])
    })
    http.listen(0, "127.0.0.1")
    await once(http, "listening")
    fixture.closing(http, () => new Promise((resolve) => http.close(resolve)))
    const address = http.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    let cookie = ""
    const visit = async () => {
      const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { cookie, connection: "close" } })
      cookie = response.headers.get("set-cookie")?.split(";")[0] ?? cookie
      return response.text()
    }
    assert.strictEqual(await visit(), "1")
    await advance("29 minutes")
    assert.strictEqual(await visit(), "2")
    await advance("29 minutes")
    assert.strictEqual(await visit(), "3")
    await advance("30 minutes")
    assert.strictEqual(await visit(), "1")
  })
})

describe("@keyv/redis with cache-manager", () => {
  it("wraps what is dear, until it expires or is cleared", async () => {
    const store = fixture.closing(new KeyvRedis(fixture.server.redisUrl), (closed) => closed.disconnect())
    const cache = createCache({ stores: [new Keyv({ store, namespace: "prices" })] })
    let computed = 0
    const price = () => cache.wrap("bread", async () => ++computed, 60_000)
    assert.deepStrictEqual([await price(), await price()], [1, 1])
    await advance("59 seconds")
    assert.strictEqual(await price(), 1)
    await advance("1 second")
    assert.strictEqual(await price(), 2)
    const other = connectIoRedis()
    await other.set("another:key", 1)
    await cache.clear()
    assert.strictEqual(await price(), 3)
    assert.strictEqual(await other.get("another:key"), "1")
  })
})

describe("unstorage", () => {
  it("keeps items for their time, and clears what is below its base", async () => {
    const { host, port } = fixture.server
    const storage = createStorage({ driver: unstorageRedis({ host, port, base: "app" }) })
    fixture.closing(storage, () => storage.dispose())
    await storage.setItem("page:1", { title: "one" }, { ttl: 60 })
    await storage.setItem("page:2", "two")
    await storage.setItem("user:1", "ada")
    assert.deepStrictEqual((await storage.getKeys()).toSorted(), ["page:1", "page:2", "user:1"])
    await advance("60 seconds")
    assert.isNull(await storage.getItem("page:1"))
    assert.isFalse(await storage.hasItem("page:1"))
    const other = connectIoRedis()
    await other.set("another:key", 1)
    await storage.clear()
    assert.deepStrictEqual(await storage.getKeys(), [])
    assert.strictEqual(await other.get("another:key"), "1")
  })
})

describe("bentocache", () => {
  it("gets or sets, with a time to live, and clears a namespace", async () => {
    const { host, port } = fixture.server
    const bento = new BentoCache({
      default: "cache",
      stores: { cache: bentostore().useL2Layer(redisDriver({ connection: { host, port } })) }
    })
    fixture.closing(bento, () => bento.disconnectAll())
    let computed = 0
    const users = bento.namespace("users")
    const user = () => users.getOrSet({ key: "1", ttl: "10s", factory: () => ++computed })
    assert.deepStrictEqual([await user(), await user()], [1, 1])
    await advance("9 seconds")
    assert.strictEqual(await user(), 1)
    await advance("1 second")
    assert.strictEqual(await user(), 2)
    await bento.set({ key: "other", value: "kept" })
    await users.clear()
    assert.strictEqual(await user(), 3)
    assert.strictEqual(await bento.get({ key: "other" }), "kept")
  })
})

describe("redlock-universal", () => {
  it("gives a lock to one at a time, and to the next when its time is over", async () => {
    const lockOf = () =>
      createLock({ adapter: new IoredisAdapter(connectIoRedis()), key: "job", ttl: 10_000, retryAttempts: 0 })
    const [one, other] = [lockOf(), lockOf()]
    const held = await one.acquire()
    assert.strictEqual(held.key, "job")
    const outcome = (lock: typeof other) =>
      lock.acquire().then(
        () => "acquired",
        () => "refused"
      )
    assert.strictEqual(await outcome(other), "refused")
    await advance(9999)
    assert.strictEqual(await outcome(other), "refused")
    await advance(1)
    assert.strictEqual(await outcome(other), "acquired")
  })
})
