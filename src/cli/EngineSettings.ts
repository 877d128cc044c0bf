/** The settings of `serve` that say where the keys are, as the configuration of a Redis engine. It connects to nothing. */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as CliError from "effect/cli/CliError"
import * as Flag from "effect/cli/Flag"
import * as GivenFile from "../GivenFile.ts"
import { type Settings, settings } from "../server/ServerConfig.ts"
import { certificatesIn } from "../server/TlsFiles.ts"
import { parseEngineUrl } from "../store/redis/EngineUrl.ts"
import type { RedisEngineConfig } from "../store/redis/RedisEngineConfig.ts"
import { CommandFailed } from "./CommandFailed.ts"
import { fromSettingWithSource } from "./SettingFlag.ts"

const PASSWORD = "KV_CACHE_ENGINE_PASSWORD"

const failed = (message: string): CommandFailed => new CommandFailed({ code: 1, message })

/** What a file contains. `flag` names it where it cannot be read. */
const read = (flag: string, file: string): Effect.Effect<string, CommandFailed> =>
  Effect.mapBoth(GivenFile.read(file), {
    onFailure: ({ message }) => failed(`--${flag}: cannot read ${file}: ${message}`),
    onSuccess: ({ bytes }) => bytes.toString("utf8")
  })

/** Of those who may have signed the servers' certificates. Without any, TLS would take the system's, and say nothing. */
const caOf = Effect.fnUntraced(function* (file: string) {
  const text = yield* read("engine-ca", file)
  const certificates = certificatesIn("--engine-ca", file, text)
  return yield* Effect.as(Effect.fromResult(Result.mapError(certificates, ({ message }) => failed(message))), text)
})

const fromEnvironment = Config.Redacted(PASSWORD).pipe(
  Config.map((password) => (Redacted.value(password) === "" ? undefined : password)),
  Config.withDefault(undefined)
)

/** A password is in a file, in a variable of its own, or in the URL if that is in the environment. */
const passwordOf = Effect.fnUntraced(function* ({ enginePasswordFile }: Settings) {
  if (enginePasswordFile === undefined) return yield* fromEnvironment
  const [first = ""] = (yield* read("engine-password-file", enginePasswordFile)).split(/\r?\n/)
  if (first === "")
    return yield* Effect.fail(failed(`--engine-password-file: ${enginePasswordFile} has an empty first line`))
  return Redacted.make(first, { label: "password" })
})

/** Where the keys are, unless they are in the memory of this process. */
export const engineOf = Effect.fnUntraced(function* (
  config: Settings
): Effect.fn.Return<RedisEngineConfig | undefined, CommandFailed | Config.ConfigError> {
  const { engine, engineCa, engineDown, engineTimeout, nearMemory, nearTtl, staleTtl } = config
  const url = engine === undefined ? undefined : Option.getOrUndefined(parseEngineUrl(engine))
  if (engine === undefined || url === undefined) return undefined
  if (config.clock === "virtual") {
    return yield* Effect.fail(
      failed("--clock virtual cannot be used with --engine: the time of its servers cannot be moved")
    )
  }
  if (engineCa !== undefined && !url.isTls) {
    return yield* Effect.fail(failed("--engine-ca is for TLS: give --engine as rediss://"))
  }
  return {
    url: Redacted.make(engine),
    password: yield* passwordOf(config),
    ca: engineCa === undefined ? undefined : yield* caOf(engineCa),
    timeout: engineTimeout,
    down: engineDown,
    staleTtl,
    nearMemory,
    nearTtl
  }
})

/** A password in a command line is seen by all users of the machine. */
export const fromEngine = fromSettingWithSource(settings.engine).pipe(
  Flag.mapEffect(({ isFlag, value }) => {
    const url = value === undefined ? undefined : Option.getOrUndefined(parseEngineUrl(value))
    return isFlag && url?.password !== undefined
      ? Effect.fail(
          new CliError.UserError({
            cause: failed(
              `--engine must not contain a password, which others on this machine could see: ` +
                `give it in the environment, as ${PASSWORD} or in KV_CACHE_ENGINE, or in a file (--engine-password-file)`
            )
          })
        )
      : Effect.succeed(value)
  })
)
