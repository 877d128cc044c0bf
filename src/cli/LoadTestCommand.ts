/**
 * `kv-cache loadtest`: reads the parameters, runs the load test, shows its progress, and writes the results.
 *
 * Measuring and reporting is in `loadtest/`. This file decides what goes to which stream, and the exit code.
 */
import * as Console from "effect/Console"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import * as Redacted from "effect/Redacted"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import * as Argument from "effect/cli/Argument"
import * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as SchemaIssue from "effect/SchemaIssue"
import type { ClientCredentials } from "../client/ClientSocket.ts"
import type { ClientTls } from "../client/ClientTls.ts"
import * as ServerUrl from "../client/ServerUrl.ts"
import * as GivenFile from "../GivenFile.ts"
import * as Assertion from "../loadtest/Assertion.ts"
import * as Comparison from "../loadtest/Comparison.ts"
import * as HtmlReport from "../loadtest/HtmlReport.ts"
import { LoadResult, LoadResultJson, type Second } from "../loadtest/LoadResult.ts"
import * as LoadTest from "../loadtest/LoadTest.ts"
import type { LoadTestOptions } from "../loadtest/LoadTest.ts"
import * as LoadThread from "../loadtest/LoadThread.ts"
import * as Progress from "../loadtest/Progress.ts"
import * as Report from "../loadtest/Report.ts"
import { parseDuration, settings } from "../server/ServerConfig.ts"
import { fileReason } from "../SystemReason.ts"
import { type Address, address } from "./Address.ts"
import { CommandFailed } from "./CommandFailed.ts"
import { parsedFlag, parseFrom } from "./ParsedFlag.ts"
import * as Quantity from "./Quantity.ts"
import { credentialFlags, credentialsOf, parseUrl } from "./ServerFlags.ts"
import { serverPort } from "./ServerPort.ts"
import { fromSettingWithSource, type Sourced } from "./SettingFlag.ts"
import { type GivenTls, tlsFlags, tlsOf } from "./TlsFlags.ts"

/** Exit codes: an assertion does not hold or the server was lost; the test could not be run at all. */
const NOT_MET = 1
const NOT_MADE = 2

/** The exit code of flags that cannot be understood. */
const BAD_FLAGS = 1

/** The test did not end well, and the report has said so. */
class LoadTestUnmet extends Schema.TaggedError<LoadTestUnmet>()("LoadTestUnmet", {}) {
  override get [Runtime.errorExitCode]() {
    return NOT_MET
  }
}

// --- flags

const integerFlag = (flag: string, min: number, max: number, description: string) =>
  parsedFlag({
    flag,
    metavar: "count",
    description,
    expected: `a whole number from ${min} to ${max}`,
    parse: Quantity.whole(min, max)
  })

const durationFlag = (flag: string, min: Duration.Duration, description: string) =>
  parsedFlag({
    flag,
    metavar: "duration",
    description,
    expected:
      `a duration from ${Duration.format(min)} to 24h, such as 30s, ` +
      `${Duration.isGreaterThan(min, Duration.millis(500)) ? "5m" : "500ms"}, or a number of seconds`,
    parse: (text) => Option.filter(parseDuration(text), Duration.between({ minimum: min, maximum: Duration.hours(24) }))
  })

const fileFlag = (flag: string, expected: string, description: string) =>
  parsedFlag({
    flag,
    metavar: "file",
    description,
    expected,
    parse: (text) => (text === "" ? Option.none() : Option.some(text))
  })

const flags = {
  host: parsedFlag({
    flag: "host",
    metavar: "host",
    description: "Host of the server (default: localhost)",
    expected: "an address or a host name",
    parse: settings.host.parse
  }).pipe(Flag.optional),
  port: fromSettingWithSource(serverPort),
  ...credentialFlags,
  ...tlsFlags,
  protocol: Flag.Literals("protocol", ["text", "resp"]).pipe(
    Flag.withDescription("resp drives a Redis server, or any that speaks its protocol (default: text)"),
    Flag.withDefault("text")
  ),
  resp2: Flag.Boolean("resp2").pipe(
    Flag.withDescription("With --protocol resp: RESP2 instead of RESP3, for servers older than Redis 6"),
    Flag.withDefault(false)
  ),
  connections: integerFlag("connections", 1, 100_000, "Concurrent connections (default: 100)").pipe(
    Flag.withAlias("c"),
    Flag.withDefault(100)
  ),
  requests: integerFlag("requests", 1, 1_000_000_000, "Requests per connection (default: 1000)").pipe(
    Flag.withAlias("n"),
    Flag.optional
  ),
  ratio: parsedFlag({
    flag: "ratio",
    metavar: "share",
    description: "Share of PUTs (default: 0.5)",
    expected: "a number from 0 to 1, or a percentage such as 50%",
    parse: Quantity.decimal(0, 1)
  }).pipe(Flag.withDefault(0.5)),
  keySize: integerFlag("key-size", 1, 256, "Length of keys, in bytes (default: 16)").pipe(Flag.withDefault(16)),
  valueSize: integerFlag("value-size", 1, 256, "Length of values, in bytes (default: 64)").pipe(Flag.withDefault(64)),
  ttl: integerFlag("ttl", 0, 2_147_483_647, "TTL of PUTs, in seconds; 0 for none (default: 0)").pipe(
    Flag.withDefault(0)
  ),
  output: fileFlag(
    "output",
    "a file, or - for stdout",
    "Write the results as JSON to a file; - for stdout (default: stdout if it is no terminal)"
  ).pipe(Flag.withAlias("o"), Flag.optional),
  pipeline: integerFlag("pipeline", 1, 10_000, "Requests in flight per connection (default: 1)").pipe(
    Flag.withAlias("P"),
    Flag.withDefault(1)
  ),
  duration: durationFlag("duration", Duration.seconds(1), "Run for a time instead of a count").pipe(Flag.optional),
  rate: parsedFlag({
    flag: "rate",
    metavar: "requests/s",
    description:
      "Open loop: total requests per second on a fixed schedule, latency counted from the scheduled moment; 10k is 10000",
    expected: "a number of requests per second from 1 to 10000000",
    parse: Quantity.decimal(1, 10_000_000)
  }).pipe(Flag.optional),
  warmup: durationFlag(
    "warmup",
    Duration.zero,
    "Time before the measured run (default: 1s or 5 % of the run, whichever is less)"
  ).pipe(Flag.optional),
  keys: integerFlag("keys", 1, 16_000_000, "Size of a key space that all connections share, preloaded").pipe(
    Flag.optional
  ),
  distribution: Flag.Literals("distribution", ["uniform", "zipf"]).pipe(
    Flag.withDescription("How the keys of GETs are chosen (default: uniform)"),
    Flag.withDefault("uniform")
  ),
  zipfExponent: parsedFlag({
    flag: "zipf-exponent",
    metavar: "number",
    description: "Exponent of the Zipf distribution (default: 0.99)",
    expected: "a number from 0.01 to 10",
    parse: Quantity.decimal(0.01, 10)
  }).pipe(Flag.withDefault(0.99)),
  seed: integerFlag("seed", 0, 2 ** 32 - 1, "The same seed gives the same requests (default: random, printed)").pipe(
    Flag.optional
  ),
  timeout: durationFlag("timeout", Duration.millis(1), "A request that takes longer is failed (default: 5s)").pipe(
    Flag.withDefault(Duration.seconds(5))
  ),
  threads: integerFlag(
    "threads",
    1,
    64,
    "Threads that send (default: one less than cores, at most 4; with --rate, one for each 50000 requests/s)"
  ).pipe(Flag.optional),
  assert: Flag.String("assert").pipe(
    Flag.withMetavar("condition"),
    Flag.withDescription("Exit with 1 if it does not hold, such as p99<5ms, rps>10000, error_rate=0; repeatable"),
    Flag.atLeast(0),
    Flag.mapEffect((texts) => Effect.forEach(texts, toAssertion))
  ),
  report: fileFlag("report", "a file", "Write a self-contained HTML report").pipe(Flag.optional),
  address: Argument.String("address").pipe(
    Argument.withDescription(
      "The server, such as localhost:7171, or as a URL such as kv://user:password@host:7171, in place of --host and --port"
    ),
    Argument.mapEffect((text) => parseTarget(text)),
    Argument.optional
  )
}

/** A server as an argument: an address, or a URL. */
interface Target extends Address {
  readonly url: Option.Option<ServerUrl.ServerUrl>
}

const parseTarget = (text: string): Effect.Effect<Target, CliError.CliError> =>
  ServerUrl.isUrl(text)
    ? Effect.map(parseUrl("argument address", text), (url) => ({
        host: Option.some(url.host),
        port: Option.fromNullishOr(url.port),
        url: Option.some(url)
      }))
    : Effect.map(parseFrom("argument address", text, address), (found) => ({ ...found, url: Option.none() }))

const toAssertion = (text: string) =>
  Result.match(Assertion.parse(text), {
    onFailure: (message) =>
      Effect.fail(new CliError.ValidationError({ message: `Invalid value for flag --assert: '${text}'. ${message}.` })),
    onSuccess: Effect.succeed
  })

// --- running

interface Config extends GivenTls {
  readonly host: Option.Option<string>
  readonly port: Sourced<number>
  readonly address: Option.Option<Target>
  readonly user: Option.Option<string>
  readonly passwordFile: Sourced<string | undefined>
  readonly protocol: "text" | "resp"
  readonly resp2: boolean
  readonly connections: number
  readonly requests: Option.Option<number>
  readonly ratio: number
  readonly keySize: number
  readonly valueSize: number
  readonly ttl: number
  readonly output: Option.Option<string>
  readonly pipeline: number
  readonly duration: Option.Option<Duration.Duration>
  readonly rate: Option.Option<number>
  readonly warmup: Option.Option<Duration.Duration>
  readonly keys: Option.Option<number>
  readonly distribution: "uniform" | "zipf"
  readonly zipfExponent: number
  readonly seed: Option.Option<number>
  readonly timeout: Duration.Duration
  readonly threads: Option.Option<number>
  readonly assert: ReadonlyArray<Assertion.Assertion>
  readonly report: Option.Option<string>
}

const DEFAULT_HOST = "localhost"
const DEFAULT_REQUESTS = 1000

/** Requests per connection of a run by count. */
const requestsOf = ({ requests }: Config): number => Option.getOrElse(requests, () => DEFAULT_REQUESTS)

/** Refuses flags that contradict each other. Without one of them it would be another test than the user asked for. */
const checkFlags = ({
  address,
  duration,
  host,
  port,
  protocol,
  requests,
  resp2
}: Config): Effect.Effect<void, CommandFailed> => {
  const refuse = (message: string) => Effect.fail(new CommandFailed({ code: BAD_FLAGS, message }))
  if (Option.isSome(duration) && Option.isSome(requests)) {
    return refuse("--duration and --requests exclude each other: a run is by time or by count.")
  }
  if (Option.isSome(address) && Option.isSome(address.value.host) && Option.isSome(host)) {
    return refuse("The address and --host exclude each other: give the host once.")
  }
  if (Option.isSome(address) && Option.isSome(address.value.port) && port.isFlag) {
    return refuse("The address and --port exclude each other: give the port once.")
  }
  if (resp2 && protocol === "text") return refuse("--resp2 chooses the version of --protocol resp: give both.")
  return Effect.void
}

const DEFAULT_WARMUP = Duration.seconds(1)
const WARMUP_SHARE = 0.05

/**
 * The warm-up that was asked for. By default 1 s or 5 % of the run (of its time or its requests), whichever is less.
 */
const warmupOf = (config: Config): Pick<LoadTestOptions, "warmup" | "warmupRequests"> => {
  const { duration, warmup } = config
  if (Option.isSome(warmup)) return { warmup: Duration.toMillis(warmup.value) }
  if (Option.isNone(duration)) {
    return { warmup: Duration.toMillis(DEFAULT_WARMUP), warmupRequests: Math.ceil(requestsOf(config) * WARMUP_SHARE) }
  }
  return { warmup: Duration.toMillis(Duration.min(DEFAULT_WARMUP, Duration.times(duration.value, WARMUP_SHARE))) }
}

/** Requests per second of an open loop that one thread sends with time to spare. */
const RATE_OF_A_THREAD = 50_000

/**
 * One core is for the server, if it runs here: on two cores a second thread took from the server what it sent more.
 * More than four threads have not been seen to help. An open loop has few, since each of them waits for its moments by
 * looking at the clock, which takes a core.
 */
const defaultThreads = ({ connections, rate }: Config): number => {
  const most = Math.max(1, Math.min(4, connections, LoadTest.availableCores() - 1))
  return Option.match(rate, { onNone: () => most, onSome: (all) => Math.min(most, Math.ceil(all / RATE_OF_A_THREAD)) })
}

const toOptions = (
  config: Config,
  credentials: ClientCredentials | undefined,
  tls: ClientTls | undefined,
  seed: number
): LoadTestOptions => ({
  tls,
  host: Option.getOrElse(
    Option.orElse(config.host, () => Option.flatMap(config.address, ({ host }) => host)),
    () => DEFAULT_HOST
  ),
  port: Option.getOrElse(
    Option.flatMap(config.address, ({ port }) => port),
    () => config.port.value
  ),
  credentials:
    credentials === undefined ? undefined : { user: credentials.user, password: Redacted.value(credentials.password) },
  protocol: config.protocol === "text" ? "text" : config.resp2 ? "resp2" : "resp3",
  workload: {
    seed,
    connections: config.connections,
    ratio: config.ratio,
    keySize: config.keySize,
    valueSize: config.valueSize,
    keys: Option.getOrUndefined(config.keys),
    distribution: config.distribution,
    zipfExponent: config.zipfExponent
  },
  pipeline: config.pipeline,
  ttl: config.ttl,
  requests: Option.isSome(config.duration) ? undefined : requestsOf(config),
  duration: Option.getOrUndefined(Option.map(config.duration, Duration.toMillis)),
  rate: Option.getOrUndefined(config.rate),
  ...warmupOf(config),
  timeout: Duration.toMillis(config.timeout),
  threads: Option.getOrElse(config.threads, () => defaultThreads(config)),
  program: LoadTest.bundledProgram
})

const PROGRESS_ON_TERMINAL = Duration.millis(250)
const PROGRESS_IN_LOG = Duration.seconds(3)

/** Shows the progress of the run on stderr, again and again. `seconds` holds the figures of each second so far. */
const showProgress = Effect.fnUntraced(function* (config: Config, seconds: ReadonlyMap<number, Second>) {
  const isTerminal = process.stderr.isTTY === true
  const startedAt = yield* Clock.monotonicTimeNanos
  const warmup = Option.isSome(config.duration) || Option.isSome(config.warmup) ? warmupOf(config).warmup / 1000 : 0
  const show = Effect.gen(function* () {
    const elapsed = Number((yield* Clock.monotonicTimeNanos) - startedAt) / 1e9 - warmup
    const known = [...seconds.values()]
    const requests = known.reduce((sum, second) => sum + second.requests + second.errors, 0)
    const done = Option.match(config.duration, {
      onNone: () => requests / (requestsOf(config) * config.connections),
      onSome: (duration) => elapsed / Duration.toSeconds(duration)
    })
    const last = known.toSorted((a, b) => a.second - b.second).at(-1)
    const state = { elapsed, done, last }
    process.stderr.write(
      isTerminal ? `\r${Progress.bar(state, process.stderr.columns)}\u001b[K` : `${Progress.line(state)}\n`
    )
  })
  return yield* show.pipe(
    Effect.delay(isTerminal ? PROGRESS_ON_TERMINAL : PROGRESS_IN_LOG),
    Effect.forever,
    Effect.ensuring(
      Effect.sync(() => {
        if (isTerminal) process.stderr.write("\r\u001b[K")
      })
    )
  )
})

const notMade = (message: string) => new CommandFailed({ code: NOT_MADE, message })

/** Runs until the end or a signal. A signal ends the run early, and what was measured is still reported. */
const run = Effect.fnUntraced(function* (config: Config, credentials: ClientCredentials | undefined) {
  const isTls = Option.exists(
    Option.flatMap(config.address, ({ url }) => url),
    (url) => url.isTls
  )
  const tls = yield* tlsOf({ ...config, tls: config.tls || isTls }, NOT_MADE)
  const seed = yield* Option.match(config.seed, {
    onNone: () => Random.nextIntBetween(0, 2 ** 32, { halfOpen: true }),
    onSome: Effect.succeed
  })
  const seconds = new Map<number, Second>()
  const stop = yield* Deferred.make<void>()
  const prepared = yield* Effect.interruptible(
    LoadTest.prepare({
      ...toOptions(config, credentials, tls, seed),
      // Several threads report the same second, each time with all its figures so far.
      onSecond: (second) => seconds.set(second.second, second),
      stop: Deferred.await(stop)
    })
  ).pipe(Effect.mapError(({ message }) => notMade(message)))
  const progress = yield* Effect.forkChild(showProgress(config, seconds))
  const running = yield* Effect.forkChild(prepared.run)
  const exit = yield* Effect.exit(Effect.interruptible(Fiber.await(running)))
  if (Exit.isFailure(exit)) yield* Deferred.succeed(stop, undefined)
  const result = yield* Fiber.join(running).pipe(
    Effect.mapError((error) => new CommandFailed({ code: NOT_MET, message: error.message })),
    Effect.ensuring(Fiber.interrupt(progress))
  )
  return { result, isInterrupted: Exit.isFailure(exit) }
}, Effect.scoped)

// --- writing

/** Makes a file's directory. This comes before the run, so that no run is wasted. */
const makeDirectory = Effect.fnUntraced(
  function* (file: string) {
    const fileSystem = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    yield* fileSystem.makeDirectory(path.dirname(file), { recursive: true })
    const isDirectory = yield* fileSystem.stat(file).pipe(
      Effect.map(({ type }) => type === "Directory"),
      Effect.orElseSucceed(() => false)
    )
    if (isDirectory) return yield* notMade(`Cannot write '${file}': it is a directory.`)
  },
  (effect, file) =>
    Effect.catchTag(effect, "PlatformError", (error) =>
      Effect.fail(notMade(`Cannot make the directory of '${file}': ${fileReason(error)}.`))
    )
)

const writeFile = Effect.fnUntraced(
  function* (file: string, text: string) {
    const fileSystem = yield* FileSystem.FileSystem
    yield* fileSystem.writeFileString(file, text)
  },
  (effect, file) =>
    Effect.mapError(
      effect,
      (error) => new CommandFailed({ code: NOT_MET, message: `Cannot write '${file}': ${fileReason(error)}.` })
    )
)

const encodeResult = Schema.encodeEffect(LoadResult)

const wantsColors = (stream: { readonly isTTY?: boolean }): boolean => stream.isTTY === true && !process.env["NO_COLOR"]

/** Where the JSON document goes: to a file, to stdout (`-`), or nowhere. */
const outputOf = (config: Config): Option.Option<string> =>
  Option.orElse(config.output, () => (process.stdout.isTTY === true ? Option.none() : Option.some("-")))

/** If stdout is not a terminal, only the JSON document goes there, and the summary goes to stderr. */
const write = Effect.fnUntraced(function* (
  config: Config,
  result: LoadResult,
  assertions: ReadonlyArray<Assertion.Checked>
) {
  const json = `${JSON.stringify(yield* Effect.orDie(encodeResult(result)), undefined, 2)}\n`
  const output = outputOf(config)
  // The summary comes first: if a file cannot be written, it is all that remains of the run.
  if (Option.contains(output, "-")) {
    yield* Console.error(Report.summary(result, { assertions, colors: wantsColors(process.stderr) }))
    yield* writeStdout(json)
  } else {
    yield* Console.log(Report.summary(result, { assertions, colors: wantsColors(process.stdout) }))
    if (Option.isSome(output)) yield* writeFile(output.value, json)
  }
  if (Option.isSome(config.report)) {
    yield* writeFile(config.report.value, HtmlReport.html(result, { assertions }))
  }
})

/**
 * Completes when the reader has taken the text. A pipe holds less than a report, and exiting early would lose the rest.
 */
const writeStdout = (text: string): Effect.Effect<void> =>
  Effect.callback((resume) => {
    process.stdout.write(text, () => resume(Effect.void))
  })

const loadTest = Effect.fnUntraced(function* (config: Config) {
  yield* checkFlags(config)
  const files = [...Option.toArray(config.output), ...Option.toArray(config.report)].filter((file) => file !== "-")
  yield* Effect.forEach(files, (file) => makeDirectory(file), { discard: true })
  const credentials = yield* credentialsOf({
    ...config,
    url: Option.flatMap(config.address, ({ url }) => url)
  })
  const { isInterrupted, result } = yield* run(config, credentials)
  const assertions = Assertion.checkAll(config.assert, result)
  yield* write(config, result, assertions)
  // A run that a signal ended exits like that, whatever the assertions say.
  if (isInterrupted) return yield* Effect.interrupt
  if (result.ended === "server lost" || assertions.some(({ holds }) => !holds)) return yield* new LoadTestUnmet()
})

/** Of a run of days, in megabytes. */
const MAX_RESULT = 256

const readResult = Effect.fnUntraced(
  function* (file: string) {
    const { bytes } = yield* GivenFile.read(file, MAX_RESULT)
    return yield* Schema.decodeEffect(LoadResultJson)(bytes.toString("utf8"))
  },
  (effect, file) =>
    Effect.mapError(effect, (error) =>
      notMade(
        error._tag === "SchemaError"
          ? `'${file}' is no result of a load test: ${whatIsWrong(error)}.`
          : `Cannot read '${file}': ${error.message}.`
      )
    )
)

/** The first thing that is wrong with a document, and where: `Missing key at latency.all.p99`. */
const whatIsWrong = ({ issue }: Schema.SchemaError): string => {
  const [first] = SchemaIssue.makeFormatterStandardSchemaV1()(issue).issues
  const path = (first?.path ?? []).map((part) => String(typeof part === "object" ? part.key : part)).join(".")
  const [message = ""] = (first?.message ?? "").split("\n")
  return path === "" ? message : `${message} at ${path}`
}

const compare = Command.make(
  "compare",
  {
    a: Argument.String("a.json").pipe(Argument.withDescription("Results of one run")),
    b: Argument.String("b.json").pipe(Argument.withDescription("Results of another run")),
    failIfWorse: Flag.Boolean("fail-if-worse").pipe(
      Flag.withDescription(
        "Exit with 1 if throughput, mean, p50, p99, error rate or hit rate of the second is worse by more than the runs vary"
      ),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function* ({ a, b, failIfWorse }) {
    const options = { names: [a, b], colors: wantsColors(process.stdout) } as const
    const [first, second] = [yield* readResult(a), yield* readResult(b)]
    yield* Console.log(Report.compare(first, second, options))
    if (!failIfWorse) return
    const { incomparable, rows, worse } = Comparison.compare(first, second)
    const unfair = Report.differences(first, second)
    if (incomparable !== undefined)
      return yield* notMade(`Cannot say whether the second run is worse: ${incomparable}.`)
    if (unfair.length > 0) {
      return yield* notMade(
        `Cannot say whether the second run is worse: the runs differ in more than the server: ${unfair.join("; ")}.`
      )
    }
    if (worse.length > 0) return yield* new LoadTestUnmet()
    if (rows.some(({ word }) => word === "too short")) {
      return yield* notMade("Cannot say whether the second run is worse: the runs were too short to say how they vary.")
    }
  })
).pipe(
  Command.withDescription("Print the results of two runs side by side, and say what is better or worse"),
  Command.withExamples([
    { command: "kv-cache loadtest compare before.json after.json", description: "Compare two runs" },
    {
      command: "kv-cache loadtest compare --fail-if-worse before.json after.json",
      description: "For CI: exit with 1 where the second run is worse"
    }
  ])
)

export const loadTestCommand = Command.make("loadtest", flags, loadTest).pipe(
  Command.withDescription("Measure a running server, and say whether it meets its targets"),
  Command.withExamples([
    { command: "kv-cache loadtest --duration 10s", description: "As many requests as it answers, for 10 s" },
    {
      command: "kv-cache loadtest --protocol resp --port 6379 --duration 10s",
      description: "The same requests for a Redis server, to compare it"
    },
    {
      command: "kv-cache loadtest --rate 10000 --duration 30s --assert 'p99<5ms' --report run.html",
      description: "Latency at a fixed rate, with a report; exit code 1 if it is too long"
    }
  ]),
  Command.withSubcommands([compare])
)

/** The command that further threads of a load test run. */
export const loadTestWorkerCommand = Command.make(LoadThread.WORKER_COMMAND, {}, () => LoadThread.runWorker).pipe(
  Command.unlisted
)
