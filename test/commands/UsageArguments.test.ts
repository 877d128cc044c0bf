/** The arguments that COMMAND DOCS shows, read from usages. */
import { assert, describe, it } from "@effect/vitest"
import { commands } from "../../src/commands/Commands.ts"
import { argumentsOf } from "../../src/commands/UsageArguments.ts"

describe("the arguments in a usage", () => {
  it("are values, words, choices and what is repeated", () => {
    assert.deepStrictEqual(argumentsOf("GET key", 1), [{ name: "key", type: "key" }])
    assert.deepStrictEqual(argumentsOf("X Y [NX | XX] [PX milliseconds]", 2), [
      {
        name: "nx-xx",
        type: "oneof",
        arguments: [
          { name: "nx", type: "pure-token", token: "NX" },
          { name: "xx", type: "pure-token", token: "XX" }
        ],
        isOptional: true
      },
      { name: "milliseconds", type: "integer", token: "PX", isOptional: true }
    ])
    assert.deepStrictEqual(argumentsOf("MGET key [key ...]", 1), [
      { name: "key", type: "key", isMultiple: true, isTokenMultiple: false }
    ])
    assert.deepStrictEqual(argumentsOf("MSET key value [key value ...]", 1), [
      {
        name: "key-value",
        type: "block",
        arguments: [
          { name: "key", type: "key" },
          { name: "value", type: "string" }
        ],
        isMultiple: true,
        isTokenMultiple: false
      }
    ])
    assert.deepStrictEqual(argumentsOf("X [PREFIX prefix [PREFIX prefix ...]]", 1), [
      { name: "prefix", type: "string", token: "PREFIX", isMultiple: true, isTokenMultiple: true, isOptional: true }
    ])
    assert.deepStrictEqual(argumentsOf("X <TYPE <A | B> | ID id>", 1)[0]?.type, "oneof")
  })

  it("are there for every command that takes some, and for no other", () => {
    for (const { arity, name, protocols, usage } of commands) {
      if (!protocols.includes("resp")) continue
      const all = argumentsOf(usage, name.split("|").length)
      assert.isTrue(arity.max > 0 || all.length === 0, `${name} takes no arguments: ${usage}`)
      const required = all.filter(({ isOptional }) => isOptional !== true).length
      assert.isAtMost(required, arity.max, usage)
    }
  })
})
