import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import { effectless } from "../../src/server/EffectlessSettings.ts"
import { defaultSettings } from "./DefaultSettings.ts"

const engine = "redis://127.0.0.1"

describe("settings that have no effect", () => {
  it("are none if nothing is set, or what matters where the keys are", () => {
    assert.isEmpty(effectless(defaultSettings({})))
    assert.isEmpty(effectless(defaultSettings({ maxKeys: 5, maxMemory: 2 ** 20 })))
    assert.isEmpty(effectless(defaultSettings({ engine })))
    assert.isEmpty(effectless(defaultSettings({ engine, engineDown: "miss", nearMemory: 2 ** 20 })))
    assert.isEmpty(effectless(defaultSettings({ nearTtl: Duration.minutes(1) })), "what it is anyway")
  })

  it("are those of an engine without one", () => {
    assert.deepStrictEqual(effectless(defaultSettings({ nearTtl: Duration.seconds(5) })), [
      "--near-ttl has no effect without --engine: the keys are in the memory of this process"
    ])
    assert.deepStrictEqual(
      effectless(
        defaultSettings({
          enginePasswordFile: "password",
          engineCa: "ca.pem",
          engineTimeout: Duration.seconds(2),
          engineDown: "stale",
          staleTtl: Duration.hours(1),
          nearMemory: 2 ** 20
        })
      ),
      [
        "--engine-password-file, --engine-ca, --engine-timeout, --engine-down, --stale-ttl, --near-memory have no effect " +
          "without --engine: the keys are in the memory of this process"
      ]
    )
  })

  it("are the bounds of this process's memory with an engine", () => {
    assert.deepStrictEqual(effectless(defaultSettings({ engine, maxKeys: 5, maxMemory: 2 ** 20 })), [
      "--max-keys, --max-memory have no effect with --engine: how much it keeps is its own maxmemory, " +
        "and what is kept near is bounded by --near-memory"
    ])
  })

  it("are those of the admin port without one", () => {
    const admin = { adminHost: "0.0.0.0", adminAllowedHosts: ["cache.example"], adminKeys: "hashed" } as const
    assert.deepStrictEqual(effectless(defaultSettings({ ...admin, nearMemory: 2 ** 20 })), [
      "--near-memory has no effect without --engine: the keys are in the memory of this process",
      "--admin-host, --admin-allowed-hosts, --admin-keys have no effect without --admin-port: nothing listens there"
    ])
    assert.isEmpty(effectless(defaultSettings({ ...admin, adminPort: 0 })))
  })
})
