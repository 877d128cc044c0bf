/** What is said of settings that do not fit into what the system allows. */
import { assert, describe, it } from "@effect/vitest"
import { complaints } from "../../src/server/SystemLimits.ts"
import { defaultSettings } from "./DefaultSettings.ts"

const MB = 2 ** 20
const UNLIMITED = { descriptors: undefined, memory: undefined }

describe("the limits of the system", () => {
  it("where there are none, are nothing to speak of", () => {
    assert.deepStrictEqual(
      complaints(defaultSettings({ maxMemory: 30 * 1024 * MB, maxConnections: 1_000_000 }), UNLIMITED),
      []
    )
  })

  it.each([
    { descriptors: 10_032, said: 0 },
    { descriptors: 10_031, said: 1 },
    { descriptors: 40, said: 1 }
  ])("of open files: $descriptors for 10,000 clients", ({ descriptors, said }) => {
    const complained = complaints(defaultSettings({}), { ...UNLIMITED, descriptors })
    assert.strictEqual(complained.length, said)
    for (const complaint of complained) {
      assert.include(complaint, `the limit of open files is ${descriptors}, too few for 10000 clients`)
      assert.include(complaint, "--max-connections")
    }
  })

  it.each([
    { maxMemory: 512 * MB, memory: 1024 * MB, said: [] },
    {
      maxMemory: 512 * MB,
      memory: 512 * MB,
      said: ["--max-memory is 512mb", "512mb of the container", "at most 135mb"]
    },
    {
      maxMemory: 512 * MB,
      memory: 64 * MB,
      said: ["--max-memory is 512mb", "64mb of the container", ": raise that limit"]
    },
    { maxMemory: undefined, memory: 1024 * MB, said: [] },
    { maxMemory: undefined, memory: 512 * MB, said: ["without --max-memory, 1000000 keys", "at most 135mb"] }
  ])("of memory: $memory bytes for $maxMemory", ({ maxMemory, memory, said }) => {
    const complained = complaints(defaultSettings({ maxMemory }), { ...UNLIMITED, memory })
    assert.strictEqual(complained.length, said.length === 0 ? 0 : 1)
    for (const part of said) assert.include(complained[0], part)
  })
  it.each([
    { nearMemory: 64 * MB, memory: 512 * MB, said: [] },
    { nearMemory: 256 * MB, memory: 512 * MB, said: ["--near-memory is 256mb", "set --near-memory to at most 135mb"] }
  ])("of memory, before an engine: $memory bytes for $nearMemory", ({ memory, nearMemory, said }) => {
    const complained = complaints(defaultSettings({ engine: "redis://127.0.0.1", nearMemory }), {
      ...UNLIMITED,
      memory
    })
    assert.strictEqual(complained.length, said.length === 0 ? 0 : 1)
    for (const part of said) assert.include(complained[0], part)
  })
})
