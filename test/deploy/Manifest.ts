/** Files of `deploy/` as the tests see them: YAML without any doubt, and a server's settings in an environment. */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { assert } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { parseAllDocuments } from "yaml"
import { PASSWORD_VARIABLE, type Setting, type Settings, settings } from "../../src/server/ServerConfig.ts"
import { complaints } from "../../src/server/SystemLimits.ts"
import { defaultSettings } from "../server/DefaultSettings.ts"

export const folder = new URL("../../deploy/", import.meta.url)

export const repository = new URL("../../", import.meta.url)

/**
 * The documents of a YAML file, decoded. A field that the schema does not have fails: a misspelled one would be dropped
 * in silence, or refused by who is to read it.
 */
export const decodeAll = <A>(schema: Schema.Decoder<A>, file: URL): Effect.Effect<ReadonlyArray<A>> =>
  Effect.orDie(
    Effect.forEach(
      parseAllDocuments(Fs.readFileSync(file, "utf8"), { merge: true, strict: true, uniqueKeys: true }),
      (document) => {
        assert.deepStrictEqual([...document.errors, ...document.warnings], [], Path.basename(file.pathname))
        return Schema.decodeUnknownEffect(schema)(document.toJS(), { errors: "all", onExcessProperty: "error" })
      }
    )
  )

export type Environment = ReadonlyMap<string, string>

/** Variables that hold a secret. They are no settings of the table, because they have no flag. */
const SECRETS: ReadonlySet<string> = new Set([PASSWORD_VARIABLE, "KV_CACHE_ENGINE_PASSWORD"])

/** What the image sets. */
export const image: Environment = new Map(
  [...Fs.readFileSync(new URL("Dockerfile", repository), "utf8").matchAll(/\b(KV_CACHE_\w+)=(\S+)/g)].map(
    ([, name = "", value = ""]) => [name, value] as const
  )
)

/** The value that a setting has. */
export const valueOf = <A>(setting: Setting<A>, environment: Environment): A => {
  const text = environment.get(setting.environment)
  return text === undefined
    ? setting.default
    : Option.getOrThrowWith(setting.parse(text), () => new Error(`${setting.environment}: '${text}'`))
}

/** Variables must be settings, and their values allowed. */
export const assertSettings = (environment: Environment): void => {
  const known = new Map<string, Setting<unknown>>(Object.values(settings).map((it) => [it.environment, it]))
  for (const [name, text] of environment) {
    if (SECRETS.has(name)) continue
    const setting = known.get(name)
    assert.isDefined(setting, `${name} is no setting`)
    if (setting !== undefined) {
      assert.isTrue(Option.isSome(setting.parse(text)), `${name}: '${text}': expected ${setting.expected}`)
    }
  }
}

/** What concerns memory and clients. */
const settingsOf = (environment: Environment): Settings =>
  defaultSettings({
    engine: valueOf(settings.engine, environment),
    maxKeys: valueOf(settings.maxKeys, environment),
    maxMemory: valueOf(settings.maxMemory, environment),
    nearMemory: valueOf(settings.nearMemory, environment),
    maxClientMemory: valueOf(settings.maxClientMemory, environment),
    maxConnections: valueOf(settings.maxConnections, environment)
  })

/** The server must have nothing to complain of under these limits, and a value must fit into what clients may take. */
export const assertFits = (
  environment: Environment,
  limits: { readonly memory: number; readonly descriptors?: number | undefined }
): void => {
  const { descriptors, memory } = limits
  assert.deepStrictEqual(complaints(settingsOf(environment), { memory, descriptors }), [])
  assert.isAtMost(valueOf(settings.maxValueSize, environment), valueOf(settings.maxClientMemory, environment))
}

/** Whoever stops it must wait longer than it waits for its clients, its log and, before that, `ahead` ms. */
export const assertDrains = (environment: Environment, patience: number, ahead = 0): void => {
  const grace = Duration.toMillis(valueOf(settings.shutdownGrace, environment))
  assert.isAbove(patience, ahead + grace + LOG)
}

/** The longest time that its end takes after the clients, in ms: for a reader of its last lines, and the admin port's. */
const LOG = 1000

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3
}

/** Bytes, as Docker (`512m`) and Kubernetes (`512Mi`) write them. */
export const bytesOf = (text: string): number => {
  const [, digits = "", unit = ""] = /^([0-9]+)([a-zA-Z]*)$/.exec(text) ?? []
  return Number(digits) * (UNITS[unit] ?? Number.NaN)
}
