/** A server's URL as a table. */
import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as ServerUrl from "../../src/client/ServerUrl.ts"

type Parts = readonly [
  host: string,
  port: number | undefined,
  user: string | undefined,
  password: string | undefined,
  isTls: boolean
]

const read = (text: string): Parts | undefined =>
  Option.getOrUndefined(
    Option.map(ServerUrl.parse(text), ({ host, isTls, password, port, user }) => [
      host,
      port,
      user,
      password === undefined ? undefined : Redacted.value(password),
      isTls
    ])
  )

describe("a server's URL", () => {
  it.each<[string, Parts]>([
    ["kv://localhost:7171", ["localhost", 7171, undefined, undefined, false]],
    ["kv://localhost", ["localhost", undefined, undefined, undefined, false]],
    ["kv://localhost/", ["localhost", undefined, undefined, undefined, false]],
    ["KV://localhost:1", ["localhost", 1, undefined, undefined, false]],
    ["redis://cache.example.com:6379/0", ["cache.example.com", 6379, undefined, undefined, false]],
    ["kvs://10.0.0.1:7272", ["10.0.0.1", 7272, undefined, undefined, true]],
    ["rediss://[::1]:6380", ["::1", 6380, undefined, undefined, true]],
    ["kv://ada:secret@host:7171", ["host", 7171, "ada", "secret", false]],
    ["kv://:secret@host", ["host", undefined, undefined, "secret", false]],
    ["kv://ada@host", ["host", undefined, "ada", undefined, false]],
    ["kv://a%40b:p%3A%2F%40%25@host", ["host", undefined, "a@b", "p:/@%", false]],
    ["kv://ada:a:b@host", ["host", undefined, "ada", "a:b", false]]
  ])("%s is read", (text, parts) => {
    assert.deepStrictEqual(read(text), parts)
  })

  it.each([
    "",
    "localhost:7171",
    "http://localhost:7171",
    "kv:localhost",
    "kv://",
    "kv://:7171",
    "kv://host:0",
    "kv://host:65536",
    "kv://host:x",
    "kv://host/1",
    "kv://host/0/1",
    "kv://host?tls=true",
    "kv://host#x",
    "kv://a b",
    "kv://ada:%zz@host",
    "kv://%@host"
  ])("%j is refused", (text) => {
    assert.isUndefined(read(text))
  })

  it.each([
    ["kv://ada:secret@host:x", "kv://...@host:x"],
    ["kv://secret@host:x", "kv://...@host:x"],
    ["kv://ada:sec@ret@host/x", "kv://...@host/x"],
    ["kv://ada:sec\nret@host", "kv://...@host"],
    ["kv://host:x", "kv://host:x"]
  ])("%j is shown without its password", (text, shown) => {
    assert.strictEqual(ServerUrl.withoutPassword(text), shown)
  })

  it("is not printed with its password", () => {
    const text = JSON.stringify(ServerUrl.parse("kv://ada:secret@host"))
    assert.include(text, "ada")
    assert.notInclude(text, "secret")
  })
})
