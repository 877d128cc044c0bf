/** What each setting's text may be, and what it means. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import { parseDuration, type Setting, settings } from "../../src/server/ServerConfig.ts"

const refuses = (setting: Setting<unknown>, texts: ReadonlyArray<string>) => {
  for (const text of texts) assert.isTrue(Option.isNone(setting.parse(text)), `${setting.flag} ${JSON.stringify(text)}`)
}

const accepts = <A>(setting: Setting<A>, cases: ReadonlyArray<readonly [text: string, value: A]>) => {
  for (const [text, value] of cases) {
    assert.deepStrictEqual(setting.parse(text), Option.some(value), `${setting.flag} ${JSON.stringify(text)}`)
  }
}

const millisOf = (setting: Setting<Duration.Duration>, text: string): number | undefined =>
  Option.getOrUndefined(Option.map(setting.parse(text), Duration.toMillis))

const notNumbers = ["", " ", "x", "-1", "+1", "1.5", "1e3", "0x10", "1 ", " 1", "1_000", "Infinity", "NaN", "١"]

describe("the table of settings", () => {
  it("has a flag and a variable of its own for each, named alike", () => {
    const all: ReadonlyArray<Setting<unknown>> = Object.values(settings)
    assert.strictEqual(new Set(all.map(({ flag }) => flag)).size, all.length)
    for (const { environment, flag } of all) {
      assert.strictEqual(environment, `KV_CACHE_${flag.toUpperCase().replaceAll("-", "_")}`)
    }
    assert.deepStrictEqual(
      all.map(({ flag }) => flag),
      [
        "host",
        "port",
        "max-keys",
        "max-memory",
        "max-connections",
        "idle-timeout",
        "expire-interval",
        "shutdown-grace",
        "clock",
        "log-level",
        "debug",
        "log-format"
      ]
    )
  })

  it("has the defaults of the design", () => {
    assert.strictEqual(settings.host.default, "127.0.0.1")
    assert.strictEqual(settings.port.default, 7171)
    assert.strictEqual(settings.maxKeys.default, 1_000_000)
    assert.isUndefined(settings.maxMemory.default)
    assert.strictEqual(settings.maxConnections.default, 10_000)
    assert.strictEqual(Duration.toMillis(settings.idleTimeout.default), 300_000)
    assert.strictEqual(Duration.toMillis(settings.expireInterval.default), 100)
    assert.strictEqual(Duration.toMillis(settings.shutdownGrace.default), 5000)
    assert.strictEqual(settings.logLevel.default, "Info")
    assert.strictEqual(settings.debug.default, false)
    assert.strictEqual(settings.logFormat.default, "auto")
  })

  it("writes each default as a text that means it", () => {
    // What is no value but the absence of one has no text.
    const { logFormat: _logFormat, maxMemory: _maxMemory, ...written } = settings
    const all: ReadonlyArray<Setting<unknown>> = Object.values(written)
    for (const setting of all) assert.deepStrictEqual(setting.parse(setting.defaultText), Option.some(setting.default))
  })
})

describe("texts", () => {
  it("of a host", () => {
    accepts(settings.host, [
      ["127.0.0.1", "127.0.0.1"],
      ["0.0.0.0", "0.0.0.0"],
      ["::1", "::1"],
      ["cache.example", "cache.example"]
    ])
    refuses(settings.host, ["", " ", "a b", "http://localhost", "127.0.0.1/8", "a\n"])
  })

  it("of a port", () => {
    accepts(settings.port, [
      ["0", 0],
      ["1", 1],
      ["07171", 7171],
      ["65535", 65_535]
    ])
    refuses(settings.port, [...notNumbers, "65536", "99999999999999999999"])
  })

  it("of a number of keys", () => {
    accepts(settings.maxKeys, [
      ["1", 1],
      ["500000000", 500_000_000]
    ])
    refuses(settings.maxKeys, [...notNumbers, "0", "500000001"])
  })

  it("of a number of connections", () => {
    accepts(settings.maxConnections, [
      ["1", 1],
      ["1000000", 1_000_000]
    ])
    refuses(settings.maxConnections, [...notNumbers, "0", "1000001"])
  })

  it("of a size", () => {
    accepts(settings.maxMemory, [
      ["65536", 65_536],
      ["65536b", 65_536],
      ["64k", 65_536],
      ["64kb", 65_536],
      ["64KB", 65_536],
      ["64mb", 64 * 1024 ** 2],
      ["64M", 64 * 1024 ** 2],
      ["1gb", 1024 ** 3],
      ["2G", 2 * 1024 ** 3]
    ])
    refuses(settings.maxMemory, [...notNumbers, "0", "65535", "63kb", "1tb", "1 gb", "gb", "1g b", "1.5gb", "-1gb"])
    refuses(settings.maxMemory, ["9007199254740993", "9999999999gb", "1constructor"])
  })

  it.each([
    ["0", 0],
    ["5", 5000],
    ["1.5", 1500],
    ["100ms", 100],
    ["5s", 5000],
    ["5S", 5000],
    ["0.5s", 500],
    ["10m", 600_000],
    ["1h", 3_600_000],
    ["1d", 86_400_000]
  ])("of a duration: %s", (text, millis) => {
    assert.deepStrictEqual(Option.map(parseDuration(text), Duration.toMillis), Option.some(millis))
  })

  it.each(["", " ", "s", "-1", "+1", "1e3", "1 s", "1w", "1s1", ".5", "5.", "1,5", "Infinity", "0x10", "5toString"])(
    "of no duration: %j",
    (text) => {
      assert.isTrue(Option.isNone(parseDuration(text)))
    }
  )

  it("of durations within bounds", () => {
    assert.strictEqual(millisOf(settings.idleTimeout, "0"), 0)
    assert.strictEqual(millisOf(settings.idleTimeout, "30d"), 30 * 86_400_000)
    refuses(settings.idleTimeout, ["31d", "-1", "x"])
    assert.strictEqual(millisOf(settings.expireInterval, "1ms"), 1)
    assert.strictEqual(millisOf(settings.expireInterval, "60s"), 60_000)
    refuses(settings.expireInterval, ["0", "0.5ms", "61s"])
    assert.strictEqual(millisOf(settings.shutdownGrace, "0"), 0)
    assert.strictEqual(millisOf(settings.shutdownGrace, "10m"), 600_000)
    refuses(settings.shutdownGrace, ["601s"])
  })

  it("of a log level", () => {
    accepts(settings.logLevel, [
      ["trace", "Trace"],
      ["debug", "Debug"],
      ["info", "Info"],
      ["INFO", "Info"],
      ["Warn", "Warn"],
      ["error", "Error"]
    ])
    refuses(settings.logLevel, ["", "verbose", "fatal", "none", "warning", " info"])
  })

  it("of a switch", () => {
    accepts(settings.debug, [
      ["true", true],
      ["TRUE", true],
      ["1", true],
      ["false", false],
      ["0", false]
    ])
    refuses(settings.debug, ["", "yes", "no", "2", "on"])
  })

  it("of a log format", () => {
    accepts(settings.logFormat, [
      ["pretty", "pretty"],
      ["JSON", "json"],
      ["auto", "auto"]
    ])
    refuses(settings.logFormat, ["", "xml", "logfmt"])
  })
})
