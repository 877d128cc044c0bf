/** The files for Docker Compose say what Compose understands, and what the server does. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { parseDuration, settings } from "../../src/server/ServerConfig.ts"
import { parseEngineUrl } from "../../src/store/redis/EngineUrl.ts"
import * as Manifest from "./Manifest.ts"

const Text = Schema.NonEmptyString
const Nothing = Schema.Struct({})

const Service = Schema.Struct({
  image: Text,
  build: Schema.optionalKey(Text),
  restart: Schema.optionalKey(Schema.Literal("unless-stopped")),
  user: Schema.optionalKey(Schema.String.check(Schema.isPattern(/^[1-9][0-9]*:[1-9][0-9]*$/))),
  command: Schema.optionalKey(Schema.Array(Text)),
  ports: Schema.optionalKey(
    Schema.Array(Schema.String.check(Schema.isPattern(/^127\.0\.0\.1:[1-9][0-9]*:[1-9][0-9]*$/)))
  ),
  environment: Schema.optionalKey(Schema.Record(Schema.String, Schema.Union([Text, Schema.Finite]))),
  secrets: Schema.optionalKey(Schema.Array(Text)),
  networks: Schema.optionalKey(
    Schema.Union([
      Schema.Array(Text),
      Schema.Record(
        Schema.String,
        Schema.Struct({ ipv4_address: Schema.String.check(Schema.isPattern(/^[0-9]+(\.[0-9]+){3}$/)) })
      )
    ])
  ),
  volumes: Schema.optionalKey(Schema.Array(Text)),
  depends_on: Schema.optionalKey(
    Schema.Record(
      Schema.String,
      Schema.Struct({ condition: Schema.Literals(["service_healthy", "service_completed_successfully"]) })
    )
  ),
  healthcheck: Schema.optionalKey(
    Schema.Struct({
      test: Schema.Tuple([Schema.Literal("CMD-SHELL"), Text]),
      interval: Text,
      timeout: Text,
      retries: Schema.Int,
      start_period: Text
    })
  ),
  stop_grace_period: Schema.optionalKey(Text),
  mem_limit: Schema.optionalKey(Text),
  ulimits: Schema.optionalKey(Schema.Struct({ nofile: Schema.Int })),
  read_only: Schema.Literal(true),
  cap_drop: Schema.Tuple([Schema.Literal("ALL")]),
  security_opt: Schema.Tuple([Schema.Literal("no-new-privileges:true")])
})

type Service = typeof Service.Type

const File = Schema.Struct({
  name: Schema.optionalKey(Text),
  "x-redis": Schema.optionalKey(Schema.Unknown),
  services: Schema.Record(Schema.String, Service),
  networks: Schema.optionalKey(
    Schema.Record(
      Schema.String,
      Schema.Struct({
        internal: Schema.optionalKey(Schema.Boolean),
        ipam: Schema.optionalKey(Schema.Struct({ config: Schema.Tuple([Schema.Struct({ subnet: Text })]) }))
      })
    )
  ),
  volumes: Schema.optionalKey(Schema.Record(Schema.String, Nothing)),
  secrets: Schema.optionalKey(Schema.Record(Schema.String, Schema.Struct({ file: Text })))
})

const read = (file: URL) =>
  Effect.map(Manifest.decodeAll(File, file), ([first]) => Option.getOrThrow(Option.fromNullishOr(first)))

const files = {
  "compose.yaml": new URL("compose.yaml", Manifest.repository),
  "deploy/compose/compose.yaml": new URL("compose/compose.yaml", Manifest.folder)
}

/** The server of a file. */
const cacheOf = ({ services }: typeof File.Type): Service => {
  const { cache } = services
  if (cache === undefined) throw new Error("there is no service 'cache'")
  return cache
}

const environmentOf = ({ environment = {} }: Service): Manifest.Environment =>
  new Map([...Manifest.image, ...Object.entries(environment).map(([name, value]) => [name, String(value)] as const)])

/** How long Docker waits for a container that is told to stop. */
const DOCKER_WAITS = "10s"

const networksOf = ({ networks = [] }: Service): ReadonlyArray<string> =>
  Array.isArray(networks) ? networks : Object.keys(networks)

describe.each(Object.entries(files))("%s", (_, file) => {
  it.effect("sets what are settings, within the limits of the container", () =>
    Effect.gen(function* () {
      const cache = cacheOf(yield* read(file))
      const environment = environmentOf(cache)
      Manifest.assertSettings(environment)
      const memory = Manifest.bytesOf(cache.mem_limit ?? "")
      Manifest.assertFits(environment, { memory, descriptors: cache.ulimits?.nofile })
      const patience = Option.getOrThrow(parseDuration(cache.stop_grace_period ?? DOCKER_WAITS))
      Manifest.assertDrains(environment, Duration.toMillis(patience))
    })
  )

  it.effect("opens the server's ports, to this machine alone", () =>
    Effect.gen(function* () {
      const cache = cacheOf(yield* read(file))
      const environment = environmentOf(cache)
      const ports = [settings.port, settings.adminPort].map((setting) => Manifest.valueOf(setting, environment))
      assert.deepStrictEqual(
        cache.ports,
        ports.filter((port) => port !== undefined).map((port) => `127.0.0.1:${port}:${port}`)
      )
    })
  )

  it.effect("names networks, volumes, secrets and services that there are, and none that nobody uses", () =>
    Effect.gen(function* () {
      const { networks = {}, secrets = {}, services, volumes = {} } = yield* read(file)
      const all = Object.values(services)
      const used = (names: (service: Service) => ReadonlyArray<string>) => [...new Set(all.flatMap(names))].toSorted()
      assert.deepStrictEqual(used(networksOf), Object.keys(networks).toSorted())
      assert.deepStrictEqual(
        used((service) => service.secrets ?? []),
        Object.keys(secrets).toSorted()
      )
      assert.deepStrictEqual(
        used(({ volumes = [] }) => volumes.map((volume) => volume.split(":")[0] ?? "")),
        Object.keys(volumes).toSorted()
      )
      for (const { depends_on = {} } of all) {
        for (const [name, { condition }] of Object.entries(depends_on)) {
          const service = services[name]
          assert.isDefined(service, name)
          if (condition === "service_healthy") assert.isDefined(service?.healthcheck, name)
        }
      }
    })
  )
})

describe("the cluster of deploy/compose", () => {
  it.effect("has six servers at addresses of their own, which all are made into one cluster", () =>
    Effect.gen(function* () {
      const { services } = yield* read(files["deploy/compose/compose.yaml"])
      const servers = Object.entries(services).filter(([name]) => name.startsWith("redis-"))
      assert.lengthOf(servers, 6)
      const addresses = servers.map(([, { networks }]) =>
        networks !== undefined && "engine" in networks ? networks["engine"]?.ipv4_address : undefined
      )
      assert.lengthOf(new Set(addresses), 6)
      assert.lengthOf(new Set(servers.map(([, { volumes }]) => volumes?.[0])), 6)
      const [, , script = ""] = services["cluster"]?.command ?? []
      assert.include(script, `nodes="${addresses.join(" ")}"`)
      const engine = Manifest.valueOf(settings.engine, environmentOf(cacheOf({ services })))
      const { nodes } = Option.getOrThrow(parseEngineUrl(engine ?? ""))
      for (const { host } of nodes) assert.isDefined(services[host], host)
    })
  )

  it.effect("has room for what the servers may keep", () =>
    Effect.gen(function* () {
      const { services } = yield* read(files["deploy/compose/compose.yaml"])
      const [, , script = ""] = services["redis-1"]?.command ?? []
      const kept = Manifest.bytesOf((/^maxmemory ([0-9]+m)b$/m.exec(script) ?? [])[1] ?? "")
      assert.isAtMost(1.5 * kept, Manifest.bytesOf(services["redis-1"]?.mem_limit ?? ""))
    })
  )

  it.effect("gives the server files of secrets that it mounts", () =>
    Effect.gen(function* () {
      const cache = cacheOf(yield* read(files["deploy/compose/compose.yaml"]))
      const environment = environmentOf(cache)
      const paths = [settings.passwordFile, settings.enginePasswordFile].map((it) => Manifest.valueOf(it, environment))
      assert.deepStrictEqual(
        paths,
        cache.secrets?.map((name) => `/run/secrets/${name}`)
      )
    })
  )
})
