/** The text protocol's commands in Redis's protocol. */
import { assert, describe, it } from "@effect/vitest"
import * as Redis from "./Redis.ts"

const WRONG_TTL = "-ERR ttl must be a whole number of seconds from 0 to 2147483647\r\n"

describe("the text protocol's commands in Redis's protocol", () => {
  it("PUT stores any bytes, for a checked ttl", () => {
    const redis = Redis.make()
    assert.strictEqual(redis.ask("PUT", "a key", "a\r\nvalue"), "+stored\r\n")
    assert.strictEqual(redis.ask("GET", "a key"), "$8\r\na\r\nvalue\r\n")
    assert.strictEqual(redis.ask("PTTL", "a key"), ":-1\r\n")
    assert.strictEqual(redis.ask("PUT", "a key", "v", 60), "+stored\r\n")
    assert.strictEqual(redis.ask("PTTL", "a key"), ":60000\r\n")
    assert.strictEqual(redis.ask("put", "a key", "v", 0), "+stored\r\n")
    assert.strictEqual(redis.ask("PTTL", "a key"), ":-1\r\n")
    for (const ttl of ["-1", "1.5", "x", "", "2147483648", "1e3", " 1"]) {
      assert.strictEqual(redis.ask("PUT", "a key", "w", ttl), WRONG_TTL, ttl)
    }
    assert.strictEqual(redis.ask("GET", "a key"), "$1\r\nv\r\n")
    assert.strictEqual(redis.ask("PUT", "k"), "-ERR wrong number of arguments for 'put' command\r\n")
  })

  it("DELETE says whether there was something to remove", () => {
    const redis = Redis.make()
    redis.ask("SET", "a", "1")
    redis.changed()
    assert.strictEqual(redis.ask("DELETE", "a"), "+deleted\r\n")
    assert.strictEqual(redis.ask("DELETE", "a"), "$-1\r\n")
    assert.deepStrictEqual(redis.changed(), ["0:a"])
  })

  it("FLUSH removes the keys of all databases", () => {
    const redis = Redis.make()
    redis.ask("SET", "a", "1")
    redis.database = 1
    assert.strictEqual(redis.ask("FLUSH"), "+flushed\r\n")
    redis.database = 0
    assert.strictEqual(redis.ask("DBSIZE"), ":0\r\n")
  })
})
