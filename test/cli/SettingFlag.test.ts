/** Flag over environment over default, for every setting of the table. Refusals say where the value came from. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Command from "effect/cli/Command"
import type * as Flag from "effect/cli/Flag"
import * as TestConsole from "effect/testing/TestConsole"
import { fromSetting, fromSwitch } from "../../src/cli/SettingFlag.ts"
import { type Setting, settings } from "../../src/server/ServerConfig.ts"

type Environment = Readonly<Record<string, string>>

/** Two allowed texts with different meanings, neither of them the default, and one that is not allowed. */
interface Case {
  readonly setting: Setting<unknown>
  readonly flag: Flag.Flag<unknown>
  readonly first: readonly [text: string, value: unknown]
  readonly second: readonly [text: string, value: unknown]
  readonly bad: string
}

const withValue = <A>(
  setting: Setting<A>,
  first: readonly [string, A],
  second: readonly [string, A],
  bad: string
): Case => ({ setting, flag: fromSetting(setting), first, second, bad })

const cases: ReadonlyArray<Case> = [
  withValue(settings.host, ["0.0.0.0", "0.0.0.0"], ["::1", "::1"], "http://localhost"),
  withValue(settings.port, ["8080", 8080], ["0", 0], "65536"),
  withValue(settings.respPort, ["8080", 8080], ["0", 0], "65536"),
  withValue(settings.maxKeys, ["5", 5], ["1m", 1_000_000], "0"),
  withValue(settings.maxClientMemory, ["64mb", 67_108_864], ["1gb", 1_073_741_824], "12"),
  withValue(settings.maxValueSize, ["1", 1], ["512mb", 536_870_912], "513mb"),
  withValue(settings.maxMemory, ["64mb", 67_108_864], ["1gb", 1_073_741_824], "12"),
  withValue(settings.maxConnections, ["10k", 10_000], ["6", 6], "many"),
  withValue(settings.idleTimeout, ["90", Duration.seconds(90)], ["0", Duration.zero], "31d"),
  withValue(settings.expireInterval, ["1s", Duration.seconds(1)], ["5ms", Duration.millis(5)], "0"),
  withValue(settings.shutdownGrace, ["1s", Duration.seconds(1)], ["0", Duration.zero], "-1"),
  withValue(settings.clock, ["virtual", "virtual"], ["real", "real"], "frozen"),
  withValue(settings.logLevel, ["debug", "Debug"], ["WARN", "Warn"], "loud"),
  withValue(settings.logFormat, ["json", "json"], ["pretty", "pretty"], "xml")
]

const run = <A>(flag: Flag.Flag<A>, args: ReadonlyArray<string>, environment: Environment) =>
  Effect.gen(function* () {
    const seen: Array<A> = []
    const command = Command.make("test", { value: flag }, ({ value }) => Effect.sync(() => void seen.push(value)))
    const exit = yield* Command.runWith(command, { version: "0" })(args).pipe(
      Effect.provide(
        Layer.merge(NodeServices.layer, ConfigProvider.layer(ConfigProvider.fromEnv({ env: environment })))
      ),
      Effect.exit
    )
    return { exit, seen }
  })

/** The value that the command received. */
const read = <A>(flag: Flag.Flag<A>, args: ReadonlyArray<string>, environment: Environment = {}) =>
  Effect.map(run(flag, args, environment), ({ exit, seen }) => {
    assert.isTrue(Exit.isSuccess(exit), String(exit))
    assert.strictEqual(seen.length, 1)
    return seen[0]
  })

/** The message on stderr when the command has not run. */
const refusal = <A>(flag: Flag.Flag<A>, args: ReadonlyArray<string>, environment: Environment = {}) =>
  Effect.gen(function* () {
    const { exit, seen } = yield* run(flag, args, environment)
    assert.isTrue(Exit.isFailure(exit))
    assert.deepStrictEqual(seen, [])
    return (yield* TestConsole.errorLines).join("\n")
  })

describe("a setting", () => {
  it("is tested here, unless it is the switch", () => {
    const tested = cases.map(({ setting }) => setting.flag)
    assert.deepStrictEqual(
      [...tested, "debug"].toSorted(),
      Object.values(settings)
        .map(({ flag }) => flag)
        // These are read by the same functions, and are tested with what they are for.
        .filter((flag) => !/^(admin|otlp|tls|engine|near|stale|password|users|ghosts|sampling|allow)/.test(flag))
        .toSorted()
    )
  })

  for (const { bad, first, flag, second, setting } of cases) {
    const argument = `--${setting.flag}`

    it.effect(`${argument}: flag over environment over default`, () =>
      Effect.gen(function* () {
        const environment = { [setting.environment]: second[0] }
        assert.deepStrictEqual(yield* read(flag, []), setting.default)
        assert.deepStrictEqual(yield* read(flag, [], environment), second[1])
        assert.deepStrictEqual(yield* read(flag, [argument, first[0]], environment), first[1])
        assert.deepStrictEqual(yield* read(flag, [`${argument}=${first[0]}`]), first[1])
        // Set to an empty text, as in `KV_CACHE_PORT= kv-cache serve`.
        assert.deepStrictEqual(yield* read(flag, [], { [setting.environment]: "" }), setting.default)
      })
    )

    it.effect(`${argument}: a bad flag is refused by name, with the allowed values`, () =>
      Effect.gen(function* () {
        const said = yield* refusal(flag, [`${argument}=${bad}`], { [setting.environment]: second[0] })
        assert.include(said, `Invalid value for flag ${argument}: '${bad}'. Expected ${setting.expected}.`)
      })
    )

    it.effect(`${argument}: a bad variable is refused by name, with the allowed values`, () =>
      Effect.gen(function* () {
        const said = yield* refusal(flag, [], { [setting.environment]: bad })
        const expected = `Invalid value for environment variable ${setting.environment}: '${bad}'. Expected ${setting.expected}.`
        assert.include(said, expected)
      })
    )

    it.effect(`${argument}: a bad variable does not matter when the flag is given`, () =>
      Effect.gen(function* () {
        const environment = { [setting.environment]: bad }
        assert.deepStrictEqual(yield* read(flag, [argument, first[0]], environment), first[1])
      })
    )

    it.effect(`${argument}: the help shows default and variable`, () =>
      Effect.gen(function* () {
        yield* run(flag, ["--help"], {})
        const help = (yield* TestConsole.logLines).join("\n")
        assert.include(
          help,
          `${argument}${setting.alias === undefined ? "" : `, -${setting.alias}`} ${setting.metavar}`
        )
        assert.include(help, setting.description)
        assert.include(help, `(default: ${setting.defaultText}; environment: ${setting.environment})`)
      })
    )
  }
})

describe("the switch --debug", () => {
  const flag = fromSwitch(settings.debug)

  it.effect("takes no value, and wins over the environment both ways", () =>
    Effect.gen(function* () {
      const variable = settings.debug.environment
      assert.strictEqual(yield* read(flag, []), false)
      assert.strictEqual(yield* read(flag, ["--debug"]), true)
      assert.strictEqual(yield* read(flag, [], { [variable]: "true" }), true)
      assert.strictEqual(yield* read(flag, [], { [variable]: "1" }), true)
      assert.strictEqual(yield* read(flag, [], { [variable]: "0" }), false)
      assert.strictEqual(yield* read(flag, [], { [variable]: "" }), false)
      assert.strictEqual(yield* read(flag, ["--debug"], { [variable]: "false" }), true)
      assert.strictEqual(yield* read(flag, ["--debug=false"], { [variable]: "true" }), false)
    })
  )

  it.effect("refuses a variable that is neither true nor false", () =>
    Effect.gen(function* () {
      const said = yield* refusal(flag, [], { [settings.debug.environment]: "yes" })
      assert.include(said, "Invalid value for environment variable KV_CACHE_DEBUG: 'yes'. Expected true or false.")
    })
  )

  it.effect("shows default and variable in the help", () =>
    Effect.gen(function* () {
      yield* run(flag, ["--help"], {})
      assert.include((yield* TestConsole.logLines).join("\n"), "(default: false; environment: KV_CACHE_DEBUG)")
    })
  )
})
