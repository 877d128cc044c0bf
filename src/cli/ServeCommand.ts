/** `kv-cache serve`: reads the settings, wires the services together, and serves until a signal comes. */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import * as Admin from "../admin/Admin.ts"
import { CurrentAuthentication } from "../auth/Authentication.ts"
import * as Credentials from "../auth/Credentials.ts"
import type { CredentialsError } from "../auth/SecretFile.ts"
import { CurrentLogOutput } from "../observability/LogOutput.ts"
import * as Logging from "../observability/Logging.ts"
import * as TextProtocol from "../protocol/text/TextProtocol.ts"
import * as Listener from "../server/Listener.ts"
import { Server } from "../server/Server.ts"
import {
  otlpHeaders,
  PASSWORD_VARIABLE,
  password as passwordFromConfig,
  type Settings,
  settings
} from "../server/ServerConfig.ts"
import { effectless } from "../server/EffectlessSettings.ts"
import { withoutClash } from "../server/PortClash.ts"
import { complaints, CurrentSystemLimits } from "../server/SystemLimits.ts"
import { VirtualClock } from "../server/VirtualClock.ts"
import { Expirer } from "../store/Expirer.ts"
import type { EngineError } from "../store/redis/NodeConnection.ts"
import type { RedisEngineConfig } from "../store/redis/RedisEngineConfig.ts"
import { Store } from "../store/Store.ts"
import { version } from "../Version.ts"
import * as Collector from "./Collector.ts"
import { FailureLogged } from "./CommandFailed.ts"
import { engineOf, fromEngine } from "./EngineSettings.ts"
import { closeInspector } from "./Inspector.ts"
import { fromSetting, fromSwitch } from "./SettingFlag.ts"

/** A whole server, as one layer: store, expirer, protocol and sockets. */
const serverLayer = (config: Settings, engine: RedisEngineConfig | undefined) =>
  Layer.mergeAll(Server.layer(config), Expirer.layer({ interval: config.expireInterval })).pipe(
    Layer.provide(TextProtocol.layer),
    Layer.provide(engine === undefined ? Store.layerMemory(config) : Store.layerRedis(engine)),
    Layer.provide(Collector.layer)
  )

const serve = Effect.fnUntraced(
  function* (config: Settings) {
    const password = yield* takePassword
    const headers = yield* otlpHeaders
    yield* Effect.fromResult(withoutClash(config))
    const server = yield* Effect.scoped(
      Effect.gen(function* () {
        yield* crashInLog
        // On the real clock, whatever clock the server has: files change in real time.
        const credentials = yield* Layer.build(Credentials.layer({ ...config, password }))
        const admin = yield* Effect.provideContext(Admin.open({ ...config, otlpHeaders: headers }), credentials)
        return yield* Effect.provideContext(serveUntilSignal(config), Context.merge(credentials, admin))
      })
    )
    // After the scope has closed, so that the totals include what the drain answered.
    const { store, ...counters } = yield* server.stats
    const output = yield* CurrentLogOutput
    const advice = yield* server.advice
    if (advice !== undefined) yield* Effect.logInfo(advice)
    yield* Effect.logInfo("stopped").pipe(Effect.annotateLogs({ ...counters, ...store, logLinesLost: output.lost }))
  },
  (effect, config) =>
    effect.pipe(
      Effect.catchTag(["ListenError", "CredentialsError", "EngineError"], (error) => refuse(error, config)),
      Effect.catchDefect((defect) => failWith(logCrash(Cause.die(defect)))),
      Effect.provide(Logging.layer({ level: config.debug ? "Debug" : config.logLevel, format: config.logFormat }))
    )
)

/**
 * The password in the environment, if there is one. It is taken away there: Node writes its environment into the reports of
 * a crash.
 */
const takePassword = Effect.tap(passwordFromConfig, () => Effect.sync(() => delete process.env[PASSWORD_VARIABLE]))

/** A sentence for a person, unless JSON was asked for. */
const refuse = (
  error: Listener.ListenError | CredentialsError | EngineError,
  { logFormat }: Settings
): Effect.Effect<never, CliError.UserError | FailureLogged> =>
  logFormat === "json"
    ? failWith(Effect.logError(error.message))
    : Effect.fail(new CliError.UserError({ cause: error }))

const failWith = (log: Effect.Effect<void>): Effect.Effect<never, FailureLogged> =>
  Effect.andThen(log, Effect.fail(new FailureLogged()))

const logCrash = (cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  Effect.logFatal("this is a bug in kv-cache", cause)

/**
 * While it serves: what is thrown where nobody can catch it is logged, and ends the process, as it would have anyway.
 */
const crashInLog = Effect.gen(function* () {
  const context = yield* Effect.context<never>()
  const onUncaught = (error: unknown): void => {
    const crash = Effect.andThen(logCrash(Cause.die(error)), Logging.written)
    Effect.runForkWith(context)(
      Effect.ensuring(
        crash,
        Effect.sync(() => process.exit(1))
      )
    )
  }
  yield* Effect.acquireRelease(
    Effect.sync(() => process.on("uncaughtException", onUncaught)),
    () => Effect.sync(() => process.off("uncaughtException", onUncaught))
  )
})

const serveUntilSignal = Effect.fnUntraced(function* (config: Settings) {
  const engine = yield* engineOf(config)
  return yield* config.clock === "virtual" ? serveInVirtualTime(config) : serveWith(serverLayer(config, engine), config)
})

/** The clock's layer is the only difference. */
const serveInVirtualTime = Effect.fnUntraced(function* (config: Settings) {
  const clock = yield* Layer.build(VirtualClock.layer)
  const server = yield* serveWith(Layer.provide(serverLayer(config, undefined), Layer.succeedContext(clock)), config)
  // The grace period of the shutdown that follows must pass.
  yield* Context.get(clock, VirtualClock).release
  return server
})

const serveWith = Effect.fnUntraced(function* (layer: ReturnType<typeof serverLayer>, config: Settings) {
  const server = Context.get(yield* Layer.build(layer), Server)
  closeInspector()
  const time = config.clock === "virtual" ? ", in virtual time: it is 0 ms until CLOCK moves it" : ""
  const { respAddress, tlsAddress } = server
  const plain = config.port === undefined ? [] : [Listener.format(server.address)]
  const tls = tlsAddress === undefined ? [] : [`${Listener.format(tlsAddress)} (TLS)`]
  const resp = respAddress === undefined ? "" : ` and, for Redis clients alone, on ${Listener.format(respAddress)}`
  yield* Effect.logInfo(`listening on ${[...plain, ...tls].join(" and ")}${resp}${time}`).pipe(
    Effect.annotateLogs({
      version,
      clock: config.clock,
      ...(config.engine === undefined
        ? { maxKeys: config.maxKeys, maxMemory: config.maxMemory ?? "none" }
        : { nearMemory: config.nearMemory, nearTtl: Duration.format(config.nearTtl) }),
      maxConnections: config.maxConnections
    })
  )
  // A port whose clients all show certificates is open to nobody else.
  const openTo = [
    config.port === undefined ? undefined : server.address,
    config.tlsClientAuth === "yes" ? undefined : tlsAddress,
    respAddress
  ].flatMap((at) => (at === undefined || at.isLoopback ? [] : [Listener.format(at)]))
  if (openTo.length > 0 && !(yield* CurrentAuthentication).isRequired) {
    yield* Effect.logWarning(
      `${openTo.join(" and ")} ${openTo.length === 1 ? "is" : "are"} ` +
        "open to the network: whoever can reach it can read and write every key, " +
        "because nobody is asked who they are (--allow-unauthenticated)"
    )
  }
  const warnings = [...complaints(config, yield* CurrentSystemLimits), ...effectless(config)]
  for (const warning of warnings) yield* Effect.logWarning(warning)
  yield* Effect.exit(Effect.interruptible(Effect.never))
  return server
})

export const serveCommand = Command.make(
  "serve",
  {
    host: fromSetting(settings.host),
    port: fromSetting(settings.port),
    respPort: fromSetting(settings.respPort),
    adminPort: fromSetting(settings.adminPort),
    adminHost: fromSetting(settings.adminHost),
    adminAllowedHosts: fromSetting(settings.adminAllowedHosts),
    adminKeys: fromSetting(settings.adminKeys),
    otlpUrl: fromSetting(settings.otlpUrl),
    otlpInterval: fromSetting(settings.otlpInterval),
    passwordFile: fromSetting(settings.passwordFile),
    usersFile: fromSetting(settings.usersFile),
    allowUnauthenticated: fromSwitch(settings.allowUnauthenticated),
    tlsPort: fromSetting(settings.tlsPort),
    tlsCert: fromSetting(settings.tlsCert),
    tlsKey: fromSetting(settings.tlsKey),
    tlsCa: fromSetting(settings.tlsCa),
    tlsClientAuth: fromSetting(settings.tlsClientAuth),
    tlsMinVersion: fromSetting(settings.tlsMinVersion),
    maxKeys: fromSetting(settings.maxKeys),
    maxMemory: fromSetting(settings.maxMemory),
    ghosts: fromSetting(settings.ghosts),
    sampling: fromSetting(settings.sampling),
    maxClientMemory: fromSetting(settings.maxClientMemory),
    maxValueSize: fromSetting(settings.maxValueSize),
    maxConnections: fromSetting(settings.maxConnections),
    idleTimeout: fromSetting(settings.idleTimeout),
    expireInterval: fromSetting(settings.expireInterval),
    shutdownGrace: fromSetting(settings.shutdownGrace),
    engine: fromEngine,
    enginePasswordFile: fromSetting(settings.enginePasswordFile),
    engineCa: fromSetting(settings.engineCa),
    engineTimeout: fromSetting(settings.engineTimeout),
    engineDown: fromSetting(settings.engineDown),
    staleTtl: fromSetting(settings.staleTtl),
    nearMemory: fromSetting(settings.nearMemory),
    nearTtl: fromSetting(settings.nearTtl),
    clock: fromSetting(settings.clock),
    logLevel: fromSetting(settings.logLevel),
    debug: fromSwitch(settings.debug),
    logFormat: fromSetting(settings.logFormat)
  },
  serve
).pipe(
  Command.withDescription("Serve the cache over TCP"),
  Command.withExamples([
    { command: "kv-cache serve --max-memory 512mb", description: "Serve on 127.0.0.1:7171, in at most 512 MB" },
    {
      command: "kv-cache serve --port 0 --clock virtual",
      description: "For tests: a free port, and time that CLOCK moves"
    }
  ])
)
