import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import { address } from "../../src/cli/Address.ts"

const parsed = (text: string) =>
  Option.getOrUndefined(
    Option.map(address.parse(text), ({ host, port }) => [Option.getOrUndefined(host), Option.getOrUndefined(port)])
  )

describe("an address", () => {
  it.each([
    ["localhost:7171", "localhost", 7171],
    ["localhost", "localhost", undefined],
    ["10.0.0.1:1", "10.0.0.1", 1],
    [":65535", undefined, 65_535],
    ["[::1]:7171", "::1", 7171],
    ["[::1]", "::1", undefined],
    ["::1", "::1", undefined],
    ["fe80::1", "fe80::1", undefined]
  ])("reads %s", (text, host, port) => {
    assert.deepStrictEqual(parsed(text), [host, port])
  })

  it.each([
    "",
    ":",
    "localhost:",
    ":0",
    "a:65536",
    "a:b",
    "a:b:c",
    "1:2:3",
    "[1.2]:1",
    "a b:1",
    "http://a:1",
    "a:1:2x",
    "[::1",
    "[]:1"
  ])("refuses %j", (text) => {
    assert.isUndefined(parsed(text))
  })
})
