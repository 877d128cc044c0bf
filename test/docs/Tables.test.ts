/**
 * The tables of the documentation say what the code does. A table that is made from the code must be what the code makes
 * of it: on failure the test prints the rows that belong into the page.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { families } from "../../src/admin/Metrics.ts"
import { Client } from "../../src/client/Client.ts"
import type { ClientError } from "../../src/client/ClientError.ts"
import { ClockAction } from "../../src/domain/Command.ts"
import * as Assertion from "../../src/loadtest/Assertion.ts"
import * as Assessment from "../../src/loadtest/Assessment.ts"
import { Failures } from "../../src/loadtest/Failures.ts"
import type { FaultKind } from "../../src/server/Faults.ts"
import { entryBytes } from "../../src/engine/Engine.ts"
import { Store } from "../../src/store/Store.ts"
import { TestServer } from "../../src/testing.ts"
import * as ServerCounters from "../../src/server/ServerCounters.ts"
import * as LoadFixtures from "../loadtest/fixtures.ts"
import { commandsOf } from "../../src/commands/Commands.ts"
import { differences } from "../differential/Differences.ts"
import { leftOut } from "../differential/LeftOut.ts"
import * as Interpreter from "../../src/client/Interpreter.ts"
import { type Setting, settings } from "../../src/server/ServerConfig.ts"
import { textProtocol } from "../../src/protocol/text/TextProtocol.ts"
import * as Help from "./CommandHelp.ts"
import * as Pages from "./Pages.ts"

/** The names in the first cells of rows. */
const namesIn = (rows: ReadonlyArray<ReadonlyArray<string>>): Array<string> =>
  rows.flatMap(([cell = ""]) => [...cell.matchAll(/`(\w+)`/g)].map(([, name = ""]) => name))

const code = (text: string): string => `\`${text}\``

const assertRows = (name: string, head: ReadonlyArray<string>, expected: ReadonlyArray<ReadonlyArray<string>>) => {
  const rows = Pages.written(Pages.table(name, ...head).rows)
  const right = Pages.written(expected)
  assert.strictEqual(rows, right, `The rows of ${name}, | ${head.join(" | ")} |, must be:\n${right}\n`)
}

describe("the documentation's table", () => {
  it("of settings is the server's", () => {
    const all: ReadonlyArray<Setting<unknown>> = Object.values(settings)
    assertRows(
      "docs/settings.md",
      ["flag", "environment"],
      all.map(({ defaultText, description, environment, flag }) => [
        code(`--${flag}`),
        code(environment),
        defaultText,
        description
      ])
    )
  })

  it("of metrics is what the admin port tells", () => {
    assertRows(
      "docs/operations.md",
      ["metric", "type"],
      families.map(({ help, labels, name, type }) => [code(name), type, labels.map(code).join(", "), help])
    )
  })

  it.effect.each([
    ["client", "docs/client.md"],
    ["loadtest", "docs/load-test.md"]
  ] as const)("of the flags of %s is its help's", ([command, name]) =>
    Effect.map(Help.help(command), ({ flags }) =>
      assertRows(
        name,
        ["flag", "default"],
        flags.map((flag) => {
          const { default: fallback, text } = Help.describe(flag)
          return [Help.namesOf(flag).map(code).join(", "), fallback, text]
        })
      )
    )
  )

  it("of requests has every command of the protocol as its usage writes it", () => {
    const { rows } = Pages.table("docs/protocol.md", "request", "reply")
    assert.deepStrictEqual(
      rows.map(([request]) => request),
      [...commandsOf("text").values()].filter(({ flags }) => !flags.includes("virtual")).map(({ usage }) => code(usage))
    )
  })

  const redisCommands = [...commandsOf("resp").values()]
  const groups = [...new Set(redisCommands.map(({ group }) => group))]

  it.each(groups)("of Redis's commands of the group %s has every entry", (group) =>
    assertRows(
      "docs/redis.md",
      [group, "what it does"],
      redisCommands
        .filter((entry) => entry.group === group)
        .map(({ since, summary, usage }) => [code(usage), summary, since ?? "this server's own"])
    )
  )

  it("of Redis's commands there is none for a group without any", () => {
    const heads = Pages.page("docs/redis.md").tables.filter(({ head }) => head[2] === "since")
    assert.sameMembers(
      heads.map(({ head: [group = ""] }) => group),
      groups
    )
  })

  it("of what is not compared with Redis is the differential test's", () => {
    const reasons = new Map<string, Array<string>>()
    for (const [name, reason] of Object.entries(leftOut)) {
      if (!redisCommands.some((entry) => entry.name === name)) continue
      reasons.set(reason, [...(reasons.get(reason) ?? []), code(name.replace("|", " "))])
    }
    assertRows(
      "docs/redis.md",
      ["not compared", "why"],
      [...reasons].map(([reason, names]) => [names.join(", "), reason])
    )
  })

  it("of contents apart, every difference from Redis that the differential test accepts is explained", () => {
    const text = Pages.page("docs/redis.md").prose.replaceAll(/\s+/g, " ")
    for (const { reason } of differences) assert.include(text, reason)
  })

  it("of the client's own commands is its help's", () => {
    const action = Interpreter.interpret("help", textProtocol, "real")
    const lines = action._tag === "Print" ? action.text.split("\n") : []
    const own = lines.slice(lines.indexOf("Commands of this client:") + 1, lines.indexOf("Keys:"))
    assertRows(
      "docs/client.md",
      ["command", "what it does"],
      own.map((line) => {
        const [usage = "", summary = ""] = line.trim().split(/ {2,}/)
        return [code(usage), summary]
      })
    )
  })

  it("of assertions has names that there are, and the units that they take", () => {
    const { rows } = Pages.table("docs/load-test.md", "name", "unit")
    const names = rows.flatMap(([cell = ""]) => [...cell.matchAll(/`([^`…]+)`/g)].map(([, name = ""]) => name))
    assert.isAbove(names.length, 10)
    for (const name of names) {
      assert.isTrue(Result.isSuccess(Assertion.parse(`${name}<1`)), `--assert does not know '${name}'`)
    }
  })

  it("of targets is the load test's", () => {
    const { lines } = Assessment.assess(LoadFixtures.closedResult())
    assertRows(
      "docs/load-test.md",
      ["metric", "target"],
      lines.map(({ metric, minimum, target }) => [metric, target.bound, minimum.bound])
    )
  })

  it("of a result's keys has keys that a result has", () => {
    const result = LoadFixtures.closedResult()
    const told = new Failures()
    told.add("refused", "out of memory")
    const { generator, latency, seconds, slices } = result
    const known = [result, generator, latency, latency.all, ...slices, ...seconds, ...told.messages]
    const keys = new Set(known.flatMap((part) => Object.keys(part)))
    const cells = Pages.table("docs/load-test.md", "key").rows.flat()
    const named = cells.flatMap((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, name = ""]) => name))
    assert.isAbove(named.length, 20)
    for (const name of named) assert.isTrue(keys.has(name), name)
  })

  it("of CLOCK has every action", () => {
    const actions = Pages.table("docs/testing.md", "request", "reply").rows.map(
      ([request = ""]) => /^`CLOCK ([A-Z]+)/.exec(request)?.[1]
    )
    assert.deepStrictEqual(
      actions,
      Object.keys(ClockAction.cases).map((name) => name.toUpperCase())
    )
  })

  it("of faults has every kind", () => {
    const kinds: Record<FaultKind["kind"], true> = {
      delay: true,
      slow: true,
      truncate: true,
      close: true,
      refuse: true
    }
    const written = Pages.table("docs/testing.md", "fault").rows.map(([cell = ""]) => /kind: "(\w+)"/.exec(cell)?.[1])
    assert.deepStrictEqual(written, Object.keys(kinds))
  })

  it("of a client's errors has every error", () => {
    const errors: Record<ClientError["_tag"] | "InvalidCommand", true> = {
      AuthenticationError: true,
      ConnectError: true,
      TimeoutError: true,
      ConnectionClosedError: true,
      MalformedReplyError: true,
      RefusedError: true,
      InvalidCommand: true
    }
    assert.deepStrictEqual(
      Pages.table("docs/library.md", "error").rows.map(([name]) => name),
      Object.keys(errors).map(code)
    )
  })

  it("of what an entry takes is the engine's", () => {
    const { rows } = Pages.table("docs/settings.md", "key", "value")
    assertRows(
      "docs/settings.md",
      ["key", "value"],
      rows.map(([key = "", value = ""]) => {
        const [keyLength, valueLength] = [Number(key), Number(value)]
        return [
          key,
          value,
          String(entryBytes(keyLength, valueLength, false)),
          String(entryBytes(keyLength, valueLength, true))
        ]
      })
    )
  })

  it.effect("of STATS has every name that a server answers", () =>
    Effect.gen(function* () {
      const { stats } = yield* Client
      assert.sameMembers(namesIn(Pages.table("docs/protocol.md", "name", "what it is").rows), Object.keys(yield* stats))
    }).pipe(Effect.provide(TestServer.layer()))
  )

  it.effect("of a store's operations names every figure of its stats", () =>
    Effect.gen(function* () {
      const { stats } = yield* Store
      const rows = Pages.page("docs/library.md")
        .tables.filter(({ head }) => head[0] === "operation")
        .flatMap((table) => table.rows)
        .filter(([cell, text = ""]) => cell === "`stats`" && text.includes("`keys`"))
      assert.lengthOf(rows, 1)
      assert.sameMembers(namesIn(rows.map(([, text = ""]) => [text])), Object.keys(yield* stats))
    }).pipe(Effect.provide(Store.layerMemory({ maxKeys: 1 })))
  )

  it("of a server's stats has every counter", () => {
    assert.sameMembers(namesIn(Pages.table("docs/library.md", "`stats`").rows), [
      ...Object.keys(ServerCounters.make()),
      "store"
    ])
  })
})
