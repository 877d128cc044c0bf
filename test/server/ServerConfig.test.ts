/** What each setting's text may be, and what it means. */
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as TextProtocol from "../../src/protocol/text/TextProtocol.ts"
import { Server } from "../../src/server/Server.ts"
import {
  expireInterval,
  limits,
  parseDuration,
  serverConfig,
  type Setting,
  settings
} from "../../src/server/ServerConfig.ts"
import { Store } from "../../src/store/Store.ts"

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
        "resp-port",
        "admin-port",
        "admin-host",
        "admin-allowed-hosts",
        "admin-keys",
        "otlp-url",
        "otlp-interval",
        "password-file",
        "users-file",
        "allow-unauthenticated",
        "tls-port",
        "tls-cert",
        "tls-key",
        "tls-ca",
        "tls-client-auth",
        "tls-min-version",
        "max-keys",
        "max-memory",
        "ghosts",
        "sampling",
        "max-client-memory",
        "max-value-size",
        "max-connections",
        "idle-timeout",
        "expire-interval",
        "shutdown-grace",
        "engine",
        "engine-password-file",
        "engine-ca",
        "engine-timeout",
        "engine-down",
        "stale-ttl",
        "near-memory",
        "near-ttl",
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
    const all: ReadonlyArray<Setting<unknown>> = Object.values(settings)
    const written = all.filter(
      (setting) =>
        setting.flag !== "admin-allowed-hosts" && setting.default !== undefined && setting !== settings.logFormat
    )
    for (const setting of written)
      assert.deepStrictEqual(setting.parse(setting.defaultText), Option.some(setting.default))
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

describe("settings for a library", () => {
  const reading = (env: Record<string, string>) => ConfigProvider.layer(ConfigProvider.fromEnv({ env }))

  it.effect("are the table's defaults where nothing is set, or an empty text", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* serverConfig, {
        host: settings.host.default,
        port: settings.port.default,
        tlsPort: settings.tlsPort.default,
        tlsCert: settings.tlsCert.default,
        tlsKey: settings.tlsKey.default,
        tlsCa: settings.tlsCa.default,
        tlsClientAuth: settings.tlsClientAuth.default,
        tlsMinVersion: settings.tlsMinVersion.default,
        respPort: settings.respPort.default,
        allowUnauthenticated: false,
        maxClientMemory: 256 * 1024 ** 2,
        maxValueSize: 64 * 1024 ** 2,
        maxConnections: settings.maxConnections.default,
        idleTimeout: settings.idleTimeout.default,
        shutdownGrace: settings.shutdownGrace.default
      })
      assert.deepStrictEqual(yield* limits, {
        maxKeys: 1_000_000,
        maxMemory: undefined,
        ghosts: 65_536,
        sampling: true
      })
      assert.deepStrictEqual(yield* expireInterval, settings.expireInterval.default)
    }).pipe(Effect.provide(reading({ KV_CACHE_PORT: "", KV_CACHE_MAX_MEMORY: "" })))
  )

  it.effect("are read as the command reads them", () =>
    Effect.gen(function* () {
      const { idleTimeout, port } = yield* serverConfig
      assert.deepStrictEqual([port, Duration.toMillis(idleTimeout)], [0, 90_000])
      assert.deepStrictEqual(yield* limits, { ghosts: 65_536, sampling: true, maxKeys: 5, maxMemory: 64 * 1024 ** 2 })
      assert.strictEqual(Duration.toMillis(yield* expireInterval), 1000)
    }).pipe(
      Effect.provide(
        reading({
          KV_CACHE_PORT: "0",
          KV_CACHE_IDLE_TIMEOUT: "90s",
          KV_CACHE_MAX_KEYS: "5",
          KV_CACHE_MAX_MEMORY: "64mb",
          KV_CACHE_EXPIRE_INTERVAL: "1"
        })
      )
    )
  )

  it.effect("name the variable and what is allowed, where they are bad", () =>
    Effect.gen(function* () {
      const port = yield* Effect.flip(serverConfig)
      assert.include(port.message, "KV_CACHE_PORT")
      assert.include(port.message, "expected a port from 0 to 65535")
      const memory = yield* Effect.flip(limits)
      assert.include(memory.message, "KV_CACHE_MAX_MEMORY")
      assert.include(memory.message, "expected a size from 64kb to 30gb")
    }).pipe(Effect.provide(reading({ KV_CACHE_PORT: "70000", KV_CACHE_MAX_MEMORY: "1tb" })))
  )

  it.effect("start a server", () =>
    Effect.gen(function* () {
      const { address } = yield* Server
      assert.strictEqual(address.host, "127.0.0.1")
      assert.isAbove(address.port, 0)
    }).pipe(
      Effect.provide(
        Server.layerConfig.pipe(
          Layer.provide(TextProtocol.layer),
          Layer.provide(Layer.unwrap(Effect.map(limits, Store.layerMemory))),
          Layer.provide(reading({ KV_CACHE_PORT: "0", KV_CACHE_MAX_KEYS: "10" }))
        )
      )
    )
  )
})
