/** The one word that says where an engine is: what it may look like, and what is refused. */
import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { formatNode, parseEngineUrl, parseNode } from "../../../src/store/redis/EngineUrl.ts"

/** What is read from a URL, with the password in the clear. */
const read = (text: string) =>
  Option.match(parseEngineUrl(text), {
    onNone: () => undefined,
    onSome: ({ isTls, nodes, password, user }) => ({
      isTls,
      user,
      password: password === undefined ? undefined : Redacted.value(password),
      nodes: nodes.map(formatNode)
    })
  })

const plain = { isTls: false, user: undefined, password: undefined }

describe("parseEngineUrl", () => {
  const readable: ReadonlyArray<readonly [text: string, expected: ReturnType<typeof read>]> = [
    ["redis://localhost", { ...plain, nodes: ["localhost:6379"] }],
    ["redis://localhost/", { ...plain, nodes: ["localhost:6379"] }],
    ["redis://localhost:7000/0", { ...plain, nodes: ["localhost:7000"] }],
    ["redis://a:1,b:65535,c", { ...plain, nodes: ["a:1", "b:65535", "c:6379"] }],
    ["redis://[::1]:7000,[fe80::1]", { ...plain, nodes: ["[::1]:7000", "[fe80::1]:6379"] }],
    ["rediss://app@cache.example:7000", { ...plain, isTls: true, user: "app", nodes: ["cache.example:7000"] }],
    ["redis://app:secret@h", { ...plain, user: "app", password: "secret", nodes: ["h:6379"] }],
    ["redis://:secret@h", { ...plain, password: "secret", nodes: ["h:6379"] }],
    ["redis://@h", { ...plain, nodes: ["h:6379"] }],
    ["redis://u%40x:p%3A%2f%C3%A9@h", { ...plain, user: "u@x", password: "p:/é", nodes: ["h:6379"] }],
    ["redis://u:a:b@h", { ...plain, user: "u", password: "a:b", nodes: ["h:6379"] }]
  ]
  for (const [text, expected] of readable) {
    it(`reads ${text}`, () => assert.deepStrictEqual(read(text), expected))
  }

  for (const text of [
    "",
    "localhost:6379",
    "http://localhost",
    "redis://",
    "redis://a,,b",
    "redis://a:0",
    "redis://a:65536",
    "redis://a:port",
    "redis://::1",
    "redis://a b",
    "redis://h/1",
    "redis://h?db=0",
    "redis://u%4@h",
    "redis://u:%zz@h"
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.isUndefined(read(text)))
  }

  it("does not show the password", () => {
    const url = Option.getOrThrow(parseEngineUrl("redis://app:secret@h"))
    assert.notInclude(JSON.stringify(url) + String(url.password), "secret")
  })
})

describe("parseNode", () => {
  it("reads what formatNode writes", () => {
    for (const node of [
      { host: "h", port: 1 },
      { host: "10.0.0.1", port: 65_535 },
      { host: "2001:db8::1", port: 7000 }
    ]) {
      assert.deepStrictEqual(parseNode(formatNode(node)), node)
    }
  })
})
