/** Commands that concern keys, whatever their values are, against replies of Redis 7.2. */
import { assert, describe, it } from "@effect/vitest"
import * as Redis from "./Redis.ts"

describe("keys", () => {
  it("DEL and UNLINK remove keys, and count those that were there", () => {
    for (const name of ["DEL", "UNLINK", "del"]) {
      const redis = Redis.make()
      for (const key of ["a", "b", "c"]) redis.ask("SET", key, "1")
      redis.changed()
      assert.strictEqual(redis.ask(name, "a", "nothing", "c", "a"), ":2\r\n")
      assert.deepStrictEqual(redis.changed(), ["0:a", "0:c"])
      assert.strictEqual(redis.ask("EXISTS", "a", "b", "c"), ":1\r\n")
      assert.strictEqual(redis.ask(name), `-ERR wrong number of arguments for '${name.toLowerCase()}' command\r\n`)
      assert.strictEqual(redis.executor.stats().deleted, 2)
    }
  })

  it("EXISTS counts a key as often as it is named, and is no use of it", () => {
    const redis = Redis.make({ maxKeys: 2 })
    redis.ask("SET", "old", "1")
    redis.ask("SET", "new", "1")
    assert.strictEqual(redis.ask("EXISTS", "old", "old", "none", "old"), ":3\r\n")
    redis.ask("SET", "newest", "1")
    assert.strictEqual(redis.ask("EXISTS", "old"), ":0\r\n")
  })

  it("TOUCH is a use, and counts the keys that are there", () => {
    const redis = Redis.make({ maxKeys: 2 })
    redis.ask("SET", "old", "1")
    redis.ask("SET", "new", "1")
    redis.changed()
    assert.strictEqual(redis.ask("TOUCH", "old", "none", "old"), ":2\r\n")
    redis.ask("SET", "newest", "1")
    assert.strictEqual(redis.ask("EXISTS", "old"), ":1\r\n")
    assert.deepStrictEqual(redis.changed(), ["0:newest"])
  })

  it("TYPE tells what a key holds", () => {
    const redis = Redis.make()
    redis.ask("SET", "a", "1")
    assert.strictEqual(redis.ask("TYPE", "a"), "+string\r\n")
    assert.strictEqual(redis.ask("TYPE", "b"), "+none\r\n")
  })

  it("any bytes are a key, and so are none", () => {
    const redis = Redis.make()
    for (const key of ["", "\0", "\r\n", "\xff\xfe", "é", "k".repeat(65_535)]) {
      redis.ask("SET", key, key.slice(0, 10))
      assert.strictEqual(redis.ask("EXISTS", key, key), ":2\r\n")
      assert.strictEqual(redis.ask("DEL", key), ":1\r\n")
    }
  })

  it("the databases' keys are apart", () => {
    const redis = Redis.make()
    redis.ask("SET", "a", "1")
    redis.database = 15
    assert.strictEqual(redis.ask("EXISTS", "a"), ":0\r\n")
    assert.strictEqual(redis.ask("DEL", "a"), ":0\r\n")
    redis.ask("SET", "a", "2")
    redis.changed()
    assert.strictEqual(redis.ask("DEL", "a"), ":1\r\n")
    assert.deepStrictEqual(redis.changed(), ["15:a"])
    redis.database = 0
    assert.strictEqual(redis.ask("EXISTS", "a"), ":1\r\n")
  })
})
