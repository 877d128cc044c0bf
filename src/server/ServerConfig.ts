/**
 * Every setting of the server, in one table: its flag, its environment variable, its default, and a Schema that says what
 * its text may be and means. Flags, environment, help text and the table in docs/settings.md are all made from it.
 *
 * `cli/SettingFlag.ts` reads flags and environment for the command. A library reads the same variables, from its
 * ConfigProvider, by `serverConfig` and `limits`.
 */
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Severity } from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { DEFAULT_GHOSTS, type InsightOptions } from "../insight/MemoryInsight.ts"
import { type Limits, MAX_MEMORY, MAX_VALUE_LENGTH } from "../engine/Limits.ts"

/** One setting whose value is written as text. */
export interface Setting<A> {
  /** The flag's name, without dashes. */
  readonly flag: string
  /** Its short form, a letter. */
  readonly alias?: string
  readonly environment: string
  /** The value's placeholder in the help. */
  readonly metavar: string
  readonly default: A
  /** The default as a person would write it. */
  readonly defaultText: string
  readonly description: string
  /** What is allowed, to end the sentence "expected ...". */
  readonly expected: string
  /** All texts that are allowed, where they can be counted: what a shell offers. */
  readonly choices?: ReadonlyArray<string>
  /** The values that texts mean. */
  readonly schema: Schema.Codec<A, string>
  /** The value that a text means, or nothing if the text is not allowed. */
  readonly parse: (text: string) => Option.Option<A>
}

/** A setting, as it is written in the table. */
type Definition<A> = Omit<Setting<A>, "schema" | "parse"> & {
  /** What the values are. */
  readonly values: Schema.Codec<A>
  /** The value that a text means, or nothing if the text is not allowed. */
  readonly read: (text: string) => Option.Option<A>
}

const integer = (min: number, max: number) => (text: string) =>
  /^[0-9]+$/.test(text) && Number(text) >= min && Number(text) <= max ? Option.some(Number(text)) : Option.none()

const oneOf =
  <const A extends string>(choices: ReadonlyArray<A>) =>
  (text: string): Option.Option<A> =>
    Option.fromNullishOr(choices.find((choice) => choice === text.toLowerCase()))

const UNITS_IN_MILLIS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1000],
  ["", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000]
])

/** The number that a text with a unit means, or nothing where its form or its unit is unknown. */
const parseQuantity = (text: string, form: RegExp, units: ReadonlyMap<string, number>): Option.Option<number> => {
  const [, digits, unit = ""] = form.exec(text.toLowerCase()) ?? []
  const factor = units.get(unit)
  return digits === undefined || factor === undefined ? Option.none() : Option.some(Number(digits) * factor)
}

const UNITS_OF_COUNT: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["k", 1000],
  ["m", 1_000_000]
])

/** A count such as `5000`, `10k` or `1m`. */
const count = (min: number, max: number) => (text: string) =>
  Option.filter(parseQuantity(text, /^([0-9]+)([a-z]*)$/, UNITS_OF_COUNT), (number) => number >= min && number <= max)

/** A duration such as `100ms`, `5s`, `10m`, `1h`, `1d`; a plain number is seconds. */
export const parseDuration = (text: string): Option.Option<Duration.Duration> =>
  Option.map(parseQuantity(text, /^([0-9]+(?:\.[0-9]+)?)([a-z]*)$/, UNITS_IN_MILLIS), Duration.millis)

const duration = (minimum: Duration.Duration, maximum: Duration.Duration) => (text: string) =>
  Option.filter(parseDuration(text), Duration.between({ minimum, maximum }))

const UNITS_IN_BYTES: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["b", 1],
  ["k", 1024],
  ["kb", 1024],
  ["m", 1024 ** 2],
  ["mb", 1024 ** 2],
  ["g", 1024 ** 3],
  ["gb", 1024 ** 3]
])

export const MIN_MEMORY = 64 * 1024

const bytes = (min: number, max: number) => (text: string) =>
  Option.filter(parseQuantity(text, /^([0-9]+)([a-z]*)$/, UNITS_IN_BYTES), (size) => size >= min && size <= max)

const parseBytes = bytes(MIN_MEMORY, MAX_MEMORY)

const setting = <A>({ read, values, ...rest }: Definition<A>): Setting<A> => {
  const schema = Schema.String.pipe(
    Schema.decodeTo(
      values,
      SchemaTransformation.transformEffect<A, string>({
        decode: (text) =>
          Effect.mapError(
            Effect.fromOption(read(text)),
            () => new SchemaIssue.InvalidValue({ message: `expected ${rest.expected}` }, text)
          ),
        encode: (value) => Effect.succeed(String(value))
      })
    )
  )
  return { ...rest, schema, parse: Schema.decodeUnknownOption(schema) }
}

export type LogFormat = "auto" | "pretty" | "json"

export type ClockKind = "real" | "virtual"

const CLOCKS = ["real", "virtual"] as const

const SWITCH = ["on", "off"] as const

const LOG_FORMATS = ["auto", "pretty", "json"] as const

const SEVERITIES = ["Fatal", "Error", "Warn", "Info", "Debug", "Trace"] as const satisfies ReadonlyArray<Severity>

const LOG_LEVELS: ReadonlyMap<string, Severity> = new Map([
  ["trace", "Trace"],
  ["debug", "Debug"],
  ["info", "Info"],
  ["warn", "Warn"],
  ["error", "Error"]
])

const parseLogLevel = (text: string): Option.Option<Severity> =>
  Option.fromNullishOr(LOG_LEVELS.get(text.toLowerCase()))

/** In 1 GB. */
const MAX_GHOSTS = 67_108_864

/** More keys than fit into the memory that the store can address. */
const MAX_KEYS = 500_000_000

export const settings = {
  host: setting<string>({
    flag: "host",
    environment: "KV_CACHE_HOST",
    metavar: "address",
    default: "127.0.0.1",
    defaultText: "127.0.0.1",
    description: "Address to listen on; 0.0.0.0 for all of this machine's",
    expected: "an address or a host name",
    values: Schema.String,
    read: (text) => (/^[^\s/]+$/.test(text) ? Option.some(text) : Option.none())
  }),
  port: setting<number>({
    flag: "port",
    alias: "p",
    environment: "KV_CACHE_PORT",
    metavar: "port",
    default: 7171,
    defaultText: "7171",
    description: "TCP port to listen on; 0 for any free one",
    expected: "a port from 0 to 65535",
    values: Schema.Int,
    read: integer(0, 65_535)
  }),
  respPort: setting<number | undefined>({
    flag: "resp-port",
    environment: "KV_CACHE_RESP_PORT",
    metavar: "port",
    default: undefined,
    defaultText: "none",
    description: "One more port, for Redis's protocol alone, inline commands included; 0 for any free one",
    expected: "a port from 0 to 65535",
    values: Schema.UndefinedOr(Schema.Int),
    read: integer(0, 65_535)
  }),
  maxKeys: setting<number>({
    flag: "max-keys",
    environment: "KV_CACHE_MAX_KEYS",
    metavar: "count",
    default: 1_000_000,
    defaultText: "1000000",
    description: "Most keys held; the least recently used key is evicted for a new one",
    expected: `a number of keys from 1 to ${MAX_KEYS}`,
    values: Schema.Int,
    read: count(1, MAX_KEYS)
  }),
  maxMemory: setting<number | undefined>({
    flag: "max-memory",
    environment: "KV_CACHE_MAX_MEMORY",
    metavar: "bytes",
    default: undefined,
    defaultText: "none",
    description: "Most memory that entries take, such as 64mb or 1gb (1kb is 1024 bytes)",
    expected: "a size from 64kb to 30gb, such as 64mb, 1gb, or a number of bytes",
    values: Schema.UndefinedOr(Schema.Int),
    read: parseBytes
  }),
  ghosts: setting<number>({
    flag: "ghosts",
    environment: "KV_CACHE_GHOSTS",
    metavar: "count",
    default: DEFAULT_GHOSTS,
    defaultText: String(DEFAULT_GHOSTS),
    description:
      "Removals remembered, to tell why a key is missing: 16 bytes each, rounded up to a power of 2; 0 for none",
    expected: `a number of removals from 0 to ${MAX_GHOSTS}`,
    values: Schema.Int,
    read: count(0, MAX_GHOSTS)
  }),
  sampling: setting<boolean>({
    flag: "sampling",
    environment: "KV_CACHE_SAMPLING",
    metavar: "switch",
    default: true,
    defaultText: "on",
    description: "Whether uses of keys are sampled, for the miss-ratio curve, hot keys and big keys: on or off",
    expected: "on or off",
    choices: SWITCH,
    values: Schema.Boolean,
    read: (text) => Option.map(oneOf(SWITCH)(text), (word) => word === "on")
  }),
  maxClientMemory: setting<number>({
    flag: "max-client-memory",
    environment: "KV_CACHE_MAX_CLIENT_MEMORY",
    metavar: "bytes",
    default: 256 * 1024 * 1024,
    defaultText: "256mb",
    description: "Most memory that clients take together: unfinished requests, unread replies; the largest is closed",
    expected: "a size from 64kb to 30gb, such as 64mb, 1gb, or a number of bytes",
    values: Schema.Int,
    read: parseBytes
  }),
  maxValueSize: setting<number>({
    flag: "max-value-size",
    environment: "KV_CACHE_MAX_VALUE_SIZE",
    metavar: "bytes",
    default: 64 * 1024 * 1024,
    defaultText: "64mb",
    description: "Largest value that a Redis client may send; while it comes, it counts as memory of its client",
    expected: "a size from 1 to 512mb, such as 512kb, 64mb, or a number of bytes",
    values: Schema.Int,
    read: bytes(1, MAX_VALUE_LENGTH)
  }),
  maxConnections: setting<number>({
    flag: "max-connections",
    environment: "KV_CACHE_MAX_CONNECTIONS",
    metavar: "count",
    default: 10_000,
    defaultText: "10000",
    description: "Most clients connected at once; further ones are refused with an error line",
    expected: "a number of connections from 1 to 1000000",
    values: Schema.Int,
    read: count(1, 1_000_000)
  }),
  idleTimeout: setting<Duration.Duration>({
    flag: "idle-timeout",
    environment: "KV_CACHE_IDLE_TIMEOUT",
    metavar: "duration",
    default: Duration.seconds(300),
    defaultText: "300s",
    description:
      "Close a connection without a complete request for this long, a Redis client's only if this is set; 0 for never, a plain number is seconds",
    expected: "a duration from 0 to 30d, such as 90s, 5m, or a number of seconds",
    values: Schema.Duration,
    read: duration(Duration.zero, Duration.days(30))
  }),
  expireInterval: setting<Duration.Duration>({
    flag: "expire-interval",
    environment: "KV_CACHE_EXPIRE_INTERVAL",
    metavar: "duration",
    default: Duration.millis(100),
    defaultText: "100ms",
    description: "Time between two sweeps that free expired keys; a plain number is seconds",
    expected: "a duration from 1ms to 60s, such as 100ms, 1s, or a number of seconds",
    values: Schema.Duration,
    read: duration(Duration.millis(1), Duration.seconds(60))
  }),
  shutdownGrace: setting<Duration.Duration>({
    flag: "shutdown-grace",
    environment: "KV_CACHE_SHUTDOWN_GRACE",
    metavar: "duration",
    default: Duration.seconds(5),
    defaultText: "5s",
    description: "Longest time that a shutdown waits for clients to take their replies; a plain number is seconds",
    expected: "a duration from 0 to 10m, such as 5s, 500ms, or a number of seconds",
    values: Schema.Duration,
    read: duration(Duration.zero, Duration.minutes(10))
  }),
  clock: setting<ClockKind>({
    flag: "clock",
    environment: "KV_CACHE_CLOCK",
    metavar: "kind",
    default: "real",
    defaultText: "real",
    description: "real, or virtual: time stands still, for tests, until the CLOCK command moves it",
    expected: "real or virtual",
    choices: CLOCKS,
    values: Schema.Literals(CLOCKS),
    read: oneOf(CLOCKS)
  }),
  logLevel: setting<Severity>({
    flag: "log-level",
    environment: "KV_CACHE_LOG_LEVEL",
    metavar: "level",
    default: "Info",
    defaultText: "info",
    description: "Least severe level that is logged: trace, debug, info, warn or error",
    expected: "trace, debug, info, warn or error",
    choices: [...LOG_LEVELS.keys()],
    values: Schema.Literals(SEVERITIES),
    read: parseLogLevel
  }),
  debug: setting<boolean>({
    flag: "debug",
    environment: "KV_CACHE_DEBUG",
    metavar: "",
    default: false,
    defaultText: "false",
    description: "The same as --log-level debug",
    expected: "true or false",
    values: Schema.Boolean,
    read: (text) => Option.map(oneOf(["true", "1", "false", "0"])(text), (word) => word === "true" || word === "1")
  }),
  logFormat: setting<LogFormat>({
    flag: "log-format",
    environment: "KV_CACHE_LOG_FORMAT",
    metavar: "format",
    default: "auto",
    defaultText: "auto: pretty on a terminal, json otherwise",
    description: "How log lines on stderr are written: auto, pretty or json",
    expected: "auto, pretty or json",
    choices: LOG_FORMATS,
    values: Schema.Literals(LOG_FORMATS),
    read: oneOf(LOG_FORMATS)
  })
}

type SettingValues = { readonly [K in keyof typeof settings]: (typeof settings)[K]["default"] }

/** What the server needs to know to serve. */
export interface ServerConfig extends Pick<
  SettingValues,
  "host" | "port" | "maxConnections" | "idleTimeout" | "shutdownGrace"
> {
  /** None if it is not given. */
  readonly respPort?: number | undefined
  /** As the setting of that name if it is not given. */
  readonly maxClientMemory?: number | undefined
  readonly maxValueSize?: number | undefined
}

/** All settings with their values. */
export type Settings = SettingValues

/** A setting from the ConfigProvider, under its environment variable. An empty one counts as unset. */
const fromConfig = <A>({ default: unset, environment, schema }: Setting<A>): Config.Config<A> =>
  Config.schema(schema, environment).pipe(Config.withDefault(unset))

/** What a server needs to know, from the ConfigProvider: by default the environment, and what is set in the table. */
export const serverConfig: Config.Config<ServerConfig> = Config.all({
  host: fromConfig(settings.host),
  port: fromConfig(settings.port),
  respPort: fromConfig(settings.respPort),
  maxConnections: fromConfig(settings.maxConnections),
  maxClientMemory: fromConfig(settings.maxClientMemory),
  maxValueSize: fromConfig(settings.maxValueSize),
  idleTimeout: fromConfig(settings.idleTimeout),
  shutdownGrace: fromConfig(settings.shutdownGrace)
})

/** The bounds of a store, and what it keeps of removals and uses, from the ConfigProvider. */
export const limits: Config.Config<Limits & InsightOptions> = Config.all({
  maxKeys: fromConfig(settings.maxKeys),
  maxMemory: fromConfig(settings.maxMemory),
  ghosts: fromConfig(settings.ghosts),
  sampling: fromConfig(settings.sampling)
})

/** The time between two sweeps, from the ConfigProvider. */
export const expireInterval: Config.Config<Duration.Duration> = fromConfig(settings.expireInterval)
