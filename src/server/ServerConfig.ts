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
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"
import type { Credentials } from "../auth/Credentials.ts"
import { DEFAULT_GHOSTS, type InsightOptions } from "../insight/MemoryInsight.ts"
import { type Limits, MAX_MEMORY, MAX_VALUE_LENGTH } from "../engine/Limits.ts"
import { FORM, parseEngineUrl } from "../store/redis/EngineUrl.ts"
import type { DownPolicy } from "../store/redis/Job.ts"
import { defaults as engineDefaults } from "../store/redis/RedisEngineConfig.ts"

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

const hostName = (text: string): Option.Option<string> => (/^[^\s/]+$/.test(text) ? Option.some(text) : Option.none())

const trueOrFalse = (text: string): Option.Option<boolean> =>
  Option.map(oneOf(["true", "1", "false", "0"])(text), (word) => word === "true" || word === "1")

const file = (text: string): Option.Option<string> => (text === "" ? Option.none() : Option.some(text))

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

/** How keys of clients appear on the admin port. */
export const ADMIN_KEYS = ["shown", "hashed"] as const

export type AdminKeys = (typeof ADMIN_KEYS)[number]

/** Whether clients of the TLS port must have a certificate of `--tls-ca`: as Redis's `tls-auth-clients`. */
export type TlsClientAuth = "no" | "optional" | "yes"

const TLS_CLIENT_AUTHS = ["no", "optional", "yes"] as const

export type TlsVersion = "1.2" | "1.3"

const TLS_VERSIONS = ["1.2", "1.3"] as const

export type LogFormat = "auto" | "pretty" | "json"

export type ClockKind = "real" | "virtual"

const DOWN_POLICIES = ["error", "miss", "stale"] as const satisfies ReadonlyArray<DownPolicy>

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

export const DEFAULT_PORT = 7171

/** What settings have in common that name a file, or a further port, if they are given. */
const optionalFile = {
  metavar: "file",
  default: undefined,
  defaultText: "none",
  expected: "a file",
  values: Schema.UndefinedOr(Schema.String),
  read: file
}
const optionalPort = {
  metavar: "port",
  default: undefined,
  defaultText: "none",
  expected: "a port from 0 to 65535",
  values: Schema.UndefinedOr(Schema.Int),
  read: integer(0, 65_535)
}

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
    read: hostName
  }),
  port: setting<number | undefined>({
    flag: "port",
    alias: "p",
    environment: "KV_CACHE_PORT",
    metavar: "port",
    default: DEFAULT_PORT,
    defaultText: String(DEFAULT_PORT),
    description: "TCP port to listen on; 0 for any free one, off for none but --tls-port",
    expected: "a port from 0 to 65535, or off",
    values: Schema.UndefinedOr(Schema.Int),
    read: (text): Option.Option<number | undefined> =>
      text.toLowerCase() === "off" ? Option.some(undefined) : integer(0, 65_535)(text)
  }),
  respPort: setting<number | undefined>({
    ...optionalPort,
    flag: "resp-port",
    environment: "KV_CACHE_RESP_PORT",
    description: "One more port, for Redis's protocol alone, inline commands included; 0 for any free one"
  }),
  adminPort: setting<number | undefined>({
    ...optionalPort,
    flag: "admin-port",
    environment: "KV_CACHE_ADMIN_PORT",
    description: "One more port, for people and monitoring, over HTTP: a page, health, metrics; 0 for any free one"
  }),
  adminHost: setting<string>({
    flag: "admin-host",
    environment: "KV_CACHE_ADMIN_HOST",
    metavar: "address",
    default: "127.0.0.1",
    defaultText: "127.0.0.1",
    description: "Address of the admin port; another than this machine's own needs clients to say who they are",
    expected: "an address or a host name",
    values: Schema.String,
    read: hostName
  }),
  adminAllowedHosts: setting<ReadonlyArray<string>>({
    flag: "admin-allowed-hosts",
    environment: "KV_CACHE_ADMIN_ALLOWED_HOSTS",
    metavar: "names",
    default: [],
    defaultText: "localhost and all addresses",
    description: "Further names that browsers may know the admin port by, separated by commas",
    expected: "host names without ports, separated by commas, such as cache.example.com,cache",
    values: Schema.Array(Schema.String),
    read: (text) => {
      const names = text.split(",").map((name) => name.trim())
      return names.every((name) => /^[A-Za-z0-9._-]+$/.test(name)) ? Option.some(names) : Option.none()
    }
  }),
  adminKeys: setting<AdminKeys>({
    flag: "admin-keys",
    environment: "KV_CACHE_ADMIN_KEYS",
    metavar: "how",
    default: "shown",
    defaultText: "shown",
    description:
      "Whether the admin port has keys as they are, or hashes of them, for keys that are secrets: shown or hashed",
    expected: "shown or hashed",
    choices: ADMIN_KEYS,
    values: Schema.Literals(ADMIN_KEYS),
    read: oneOf(ADMIN_KEYS)
  }),
  otlpUrl: setting<string | undefined>({
    flag: "otlp-url",
    environment: "KV_CACHE_OTLP_URL",
    metavar: "url",
    default: undefined,
    defaultText: "none",
    description:
      "Send metrics to this OpenTelemetry collector (OTLP over HTTP), such as http://127.0.0.1:4318/v1/metrics",
    expected: "a URL that begins with http:// or https://, without credentials",
    values: Schema.UndefinedOr(Schema.String),
    read: (text) =>
      URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && new URL(text).username === ""
        ? Option.some(text)
        : Option.none()
  }),
  otlpInterval: setting<Duration.Duration>({
    flag: "otlp-interval",
    environment: "KV_CACHE_OTLP_INTERVAL",
    metavar: "duration",
    default: Duration.seconds(10),
    defaultText: "10s",
    description: "Time between two sendings of metrics to the collector; a plain number is seconds",
    expected: "a duration from 1s to 1h, such as 10s, 1m, or a number of seconds",
    values: Schema.Duration,
    read: duration(Duration.seconds(1), Duration.hours(1))
  }),
  passwordFile: setting<string | undefined>({
    ...optionalFile,
    flag: "password-file",
    environment: "KV_CACHE_PASSWORD_FILE",
    description: "File with the password that clients must give; without a file it is KV_CACHE_PASSWORD"
  }),
  usersFile: setting<string | undefined>({
    ...optionalFile,
    flag: "users-file",
    environment: "KV_CACHE_USERS_FILE",
    description: "File with a line for each user who may come, as 'kv-cache user' prints it; read anew when it changes"
  }),
  allowUnauthenticated: setting<boolean>({
    flag: "allow-unauthenticated",
    environment: "KV_CACHE_ALLOW_UNAUTHENTICATED",
    metavar: "",
    default: false,
    defaultText: "false",
    description: "Serve an address that others can reach without asking who they are",
    expected: "true or false",
    values: Schema.Boolean,
    read: trueOrFalse
  }),
  tlsPort: setting<number | undefined>({
    ...optionalPort,
    flag: "tls-port",
    environment: "KV_CACHE_TLS_PORT",
    description: "One more port, for TLS alone, with the protocols of --port; 0 for any free one"
  }),
  tlsCert: setting<string | undefined>({
    ...optionalFile,
    flag: "tls-cert",
    environment: "KV_CACHE_TLS_CERT",
    description: "The server's certificate and those between it and its CA's, as PEM; read anew when it changes"
  }),
  tlsKey: setting<string | undefined>({
    ...optionalFile,
    flag: "tls-key",
    environment: "KV_CACHE_TLS_KEY",
    description: "The certificate's private key, as PEM without a passphrase; read anew when it changes"
  }),
  tlsCa: setting<string | undefined>({
    ...optionalFile,
    flag: "tls-ca",
    environment: "KV_CACHE_TLS_CA",
    description: "Certificates of the CAs that sign those of clients, as PEM; read anew when it changes"
  }),
  tlsClientAuth: setting<TlsClientAuth>({
    flag: "tls-client-auth",
    environment: "KV_CACHE_TLS_CLIENT_AUTH",
    metavar: "whether",
    default: "no",
    defaultText: "no",
    description: "Whether clients of --tls-port need a certificate that --tls-ca has signed: no, optional or yes",
    expected: "no, optional or yes",
    choices: TLS_CLIENT_AUTHS,
    values: Schema.Literals(TLS_CLIENT_AUTHS),
    read: oneOf(TLS_CLIENT_AUTHS)
  }),
  tlsMinVersion: setting<TlsVersion>({
    flag: "tls-min-version",
    environment: "KV_CACHE_TLS_MIN_VERSION",
    metavar: "version",
    default: "1.3",
    defaultText: "1.3",
    description: "Oldest version of TLS that clients may speak: 1.3, or 1.2 for older ones",
    expected: "1.2 or 1.3",
    choices: TLS_VERSIONS,
    values: Schema.Literals(TLS_VERSIONS),
    read: oneOf(TLS_VERSIONS)
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
      "Removals remembered, to tell why a key is missing: 18 bytes each, rounded up to a power of 2; 0 for none",
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
    read: (text) => Option.map(oneOf([...SWITCH, "true", "false"])(text), (word) => word === "on" || word === "true")
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
  engine: setting<string | undefined>({
    flag: "engine",
    environment: "KV_CACHE_ENGINE",
    metavar: "url",
    default: undefined,
    defaultText: "none: the memory of this process",
    description: "Keep the keys in a Redis server or cluster, such as redis://user@host:7000,host:7001; rediss for TLS",
    expected: FORM,
    values: Schema.UndefinedOr(Schema.String),
    read: (text) => Option.map(parseEngineUrl(text), () => text)
  }),
  enginePasswordFile: setting<string | undefined>({
    flag: "engine-password-file",
    environment: "KV_CACHE_ENGINE_PASSWORD_FILE",
    metavar: "file",
    default: undefined,
    defaultText: "none, or what KV_CACHE_ENGINE_PASSWORD is",
    description: "File with the password for --engine, in its first line",
    expected: "a file's name",
    values: Schema.UndefinedOr(Schema.String),
    read: (text) => Option.some(text)
  }),
  engineCa: setting<string | undefined>({
    flag: "engine-ca",
    environment: "KV_CACHE_ENGINE_CA",
    metavar: "file",
    default: undefined,
    defaultText: "the system's",
    description: "File with the certificates (PEM) of who signs those of --engine, for TLS",
    expected: "a file's name",
    values: Schema.UndefinedOr(Schema.String),
    read: (text) => Option.some(text)
  }),
  engineTimeout: setting<Duration.Duration>({
    flag: "engine-timeout",
    environment: "KV_CACHE_ENGINE_TIMEOUT",
    metavar: "duration",
    default: engineDefaults.timeout,
    defaultText: "1s",
    description: "A server of --engine that owes an answer and is silent for this long counts as gone",
    expected: "a duration from 10ms to 60s, such as 500ms, 2s, or a number of seconds",
    values: Schema.Duration,
    read: duration(Duration.millis(10), Duration.seconds(60))
  }),
  engineDown: setting<DownPolicy>({
    flag: "engine-down",
    environment: "KV_CACHE_ENGINE_DOWN",
    metavar: "answer",
    default: engineDefaults.down,
    defaultText: "error",
    description: "What a GET is answered while its server of --engine is gone: error, miss, or stale (see --stale-ttl)",
    expected: "error, miss or stale",
    choices: DOWN_POLICIES,
    values: Schema.Literals(DOWN_POLICIES),
    read: oneOf(DOWN_POLICIES)
  }),
  staleTtl: setting<Duration.Duration>({
    flag: "stale-ttl",
    environment: "KV_CACHE_STALE_TTL",
    metavar: "duration",
    default: engineDefaults.staleTtl,
    defaultText: "5m",
    description: "With --engine-down stale: how long a near value may be answered after it has ceased to be fresh",
    expected: "a duration from 1s to 7d, such as 90s, 5m, or a number of seconds",
    values: Schema.Duration,
    read: duration(Duration.seconds(1), Duration.days(7))
  }),
  nearMemory: setting<number>({
    flag: "near-memory",
    environment: "KV_CACHE_NEAR_MEMORY",
    metavar: "bytes",
    default: engineDefaults.nearMemory,
    defaultText: "256mb",
    description: "With --engine: most memory of the values that are kept near, in this process",
    expected: "a size from 64kb to 30gb, such as 64mb, 1gb, or a number of bytes",
    values: Schema.Int,
    read: parseBytes
  }),
  nearTtl: setting<Duration.Duration>({
    flag: "near-ttl",
    environment: "KV_CACHE_NEAR_TTL",
    metavar: "duration",
    default: engineDefaults.nearTtl,
    defaultText: "60s",
    description: "With --engine: longest time that a value is kept near; 0 keeps none",
    expected: "a duration from 0 to 30d, such as 90s, 5m, or a number of seconds",
    values: Schema.Duration,
    read: duration(Duration.zero, Duration.days(30))
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
    read: trueOrFalse
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
  /** Whether it may listen where others can reach it, and ask nobody who they are. Not if it is not given. */
  readonly allowUnauthenticated?: boolean | undefined
  /** The port for TLS, and what it needs; see `TlsFiles.ts`. None, and the defaults, if they are not given. */
  readonly tlsPort?: number | undefined
  readonly tlsCert?: string | undefined
  readonly tlsKey?: string | undefined
  readonly tlsCa?: string | undefined
  readonly tlsClientAuth?: TlsClientAuth | undefined
  readonly tlsMinVersion?: TlsVersion | undefined
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
  allowUnauthenticated: fromConfig(settings.allowUnauthenticated),
  tlsPort: fromConfig(settings.tlsPort),
  tlsCert: fromConfig(settings.tlsCert),
  tlsKey: fromConfig(settings.tlsKey),
  tlsCa: fromConfig(settings.tlsCa),
  tlsClientAuth: fromConfig(settings.tlsClientAuth),
  tlsMinVersion: fromConfig(settings.tlsMinVersion),
  maxConnections: fromConfig(settings.maxConnections),
  maxClientMemory: fromConfig(settings.maxClientMemory),
  maxValueSize: fromConfig(settings.maxValueSize),
  idleTimeout: fromConfig(settings.idleTimeout),
  shutdownGrace: fromConfig(settings.shutdownGrace)
})

/** The variable with a password. It has no flag, because everybody on a machine sees the flags of a program. */
export const PASSWORD_VARIABLE = "KV_CACHE_PASSWORD"

/** The password in the environment. An empty variable counts as unset. */
export const password: Config.Config<Redacted.Redacted | undefined> = Config.Redacted(PASSWORD_VARIABLE).pipe(
  Config.map((text) => (Redacted.value(text) === "" ? undefined : text)),
  Config.withDefault(undefined)
)

/** Where a server's users come from, from the ConfigProvider. A file with a password wins over the password. */
export const credentials: Config.Config<Credentials> = Config.all({
  password,
  passwordFile: fromConfig(settings.passwordFile),
  usersFile: fromConfig(settings.usersFile)
})

/**
 * Headers for the collector of `otlpUrl`, such as an API key: `name=value,name=value`, percent-encoded, as OpenTelemetry
 * writes them. They are secrets, and so no flag.
 */
export const otlpHeaders: Config.Config<Readonly<Record<string, string>>> = Config.Record(
  Schema.String,
  Schema.StringFromUriComponent,
  "KV_CACHE_OTLP_HEADERS"
).pipe(Config.withDefault({}))

/** The bounds of a store, and what it keeps of removals and uses, from the ConfigProvider. */
export const limits: Config.Config<Limits & InsightOptions> = Config.all({
  maxKeys: fromConfig(settings.maxKeys),
  maxMemory: fromConfig(settings.maxMemory),
  ghosts: fromConfig(settings.ghosts),
  sampling: fromConfig(settings.sampling)
})

/** The time between two sweeps, from the ConfigProvider. */
export const expireInterval: Config.Config<Duration.Duration> = fromConfig(settings.expireInterval)
