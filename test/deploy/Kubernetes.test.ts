/** The manifests for Kubernetes say what Kubernetes understands, and what the server does. */
import * as Fs from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { settings } from "../../src/server/ServerConfig.ts"
import { type Container, type Deployment, Resource } from "./Kubernetes.ts"
import * as Manifest from "./Manifest.ts"

const folder = new URL("kubernetes/", Manifest.folder)

const files = Fs.readdirSync(folder)

const read = (file: string) => Manifest.decodeAll(Resource, new URL(file, folder))

const isDeployment = (resource: Resource): resource is Deployment => resource.kind === "Deployment"

interface Placed {
  readonly file: string
  readonly all: ReadonlyArray<Resource>
  readonly deployment: Deployment
  readonly container: Container
  /** Its variables, and those of the image. */
  readonly environment: Manifest.Environment
}

/** The servers of all manifests. */
const servers = Effect.map(
  Effect.forEach(files, (file) =>
    Effect.map(read(file), (all) =>
      all.filter(isDeployment).flatMap((deployment): ReadonlyArray<Placed> => {
        const { containers, initContainers = [] } = deployment.spec.template.spec
        return [...initContainers, ...containers]
          .filter(({ image }) => image.includes("/kv-cache:"))
          .map((container) => ({ file, all, deployment, container, environment: environmentOf(container) }))
      })
    )
  ),
  (found) => found.flat()
)

const environmentOf = ({ env }: Container): Manifest.Environment =>
  new Map([
    ...Manifest.image,
    ...env.flatMap((variable) => ("value" in variable ? [[variable.name, variable.value] as const] : []))
  ])

const forEachServer = (check: (server: Placed) => void) =>
  Effect.gen(function* () {
    const all = yield* servers
    assert.deepStrictEqual(
      all.map(({ file }) => file),
      ["front.yaml", "sidecar.yaml"]
    )
    for (const server of all) check(server)
  })

const matches = (labels: Readonly<Record<string, string>>, selector: Readonly<Record<string, string>>): boolean =>
  Object.entries(selector).every(([name, value]) => labels[name] === value)

describe("the manifests for Kubernetes", () => {
  it.effect("know only fields that there are, without rights, and name each resource once", () =>
    Effect.gen(function* () {
      for (const file of files) {
        const all = yield* read(file)
        const names = all.map(({ kind, metadata }) => `${kind} ${metadata.name}`)
        assert.lengthOf(new Set(names), names.length, file)
      }
    })
  )

  it.effect("set what are settings, to what they may be, and no secrets", () =>
    forEachServer(({ container, environment }) => {
      Manifest.assertSettings(environment)
      const names = container.env.map(({ name }) => name)
      assert.lengthOf(new Set(names), names.length)
      assert.notInclude(names, "KV_CACHE_PASSWORD")
      assert.isDefined(Manifest.valueOf(settings.engine, environment))
    })
  )

  it.effect("take the passwords from files of a secret that its user can read", () =>
    forEachServer(({ container, deployment, environment }) => {
      const { securityContext, volumes } = deployment.spec.template.spec
      const [mount] = container.volumeMounts ?? []
      const volume = volumes.find(({ name }) => name === mount?.name)
      assert.deepStrictEqual(volume?.secret, { secretName: "kv-cache", defaultMode: 0o400 })
      // What makes the kubelet give the files to the user's group.
      assert.strictEqual(securityContext.fsGroup, securityContext.runAsGroup)
      for (const setting of [settings.passwordFile, settings.enginePasswordFile]) {
        const path = Manifest.valueOf(setting, environment)
        assert.include(["password", "engine-password"], path?.replace(`${mount?.mountPath}/`, ""))
      }
    })
  )

  it.effect("probe the admin port where the kubelet can reach it, at paths that it has", () =>
    forEachServer(({ container, deployment, environment }) => {
      const adminPort = Manifest.valueOf(settings.adminPort, environment)
      assert.strictEqual(Manifest.valueOf(settings.adminHost, environment), "0.0.0.0")
      const { livenessProbe, ports = [], readinessProbe, startupProbe } = container
      const admin = ports.find(({ name }) => name === "admin")
      assert.strictEqual(admin?.containerPort, adminPort)
      for (const [probe, path] of [
        [startupProbe, "/readyz"],
        [livenessProbe, "/healthz"]
      ] as const) {
        assert.deepStrictEqual(probe?.httpGet, { path, port: "admin" })
      }
      // Beside an application it would take that out of service with the engine.
      const isAlone = deployment.spec.template.spec.containers.includes(container)
      assert.deepStrictEqual(readinessProbe?.httpGet, isAlone ? { path: "/readyz", port: "admin" } : undefined)
      // A server that is slow to answer for a moment must not be restarted: all that it has near would be lost.
      assert.isAbove((livenessProbe?.timeoutSeconds ?? 1) * (livenessProbe?.failureThreshold ?? 3), 5)
    })
  )

  it.effect("give the memory that the settings add up to, and no less than they promise", () =>
    forEachServer(({ container, environment }) => {
      const { limits, requests } = container.resources
      Manifest.assertFits(environment, { memory: Manifest.bytesOf(limits.memory) })
      assert.strictEqual(requests.memory, limits.memory)
    })
  )

  it.effect("wait for the server to drain", () =>
    forEachServer(({ container, deployment, environment }) => {
      const { terminationGracePeriodSeconds } = deployment.spec.template.spec
      const [, sleep = 0] = container.lifecycle?.preStop.exec.command ?? []
      Manifest.assertDrains(environment, terminationGracePeriodSeconds * 1000, sleep * 1000)
    })
  )

  it.effect("lead to pods and ports that there are", () =>
    Effect.gen(function* () {
      for (const { all, container, deployment, environment } of yield* servers) {
        const { labels } = deployment.spec.template.metadata
        assert.isTrue(matches(labels, deployment.spec.selector.matchLabels))
        for (const { labelSelector } of deployment.spec.template.spec.topologySpreadConstraints ?? []) {
          assert.isTrue(matches(labels, labelSelector.matchLabels))
        }
        const port = Manifest.valueOf(settings.port, environment)
        const adminPort = Manifest.valueOf(settings.adminPort, environment)
        for (const resource of all) {
          switch (resource.kind) {
            case "Service": {
              assert.isTrue(matches(labels, resource.spec.selector))
              const [{ port: offered, targetPort } = { port: 0, targetPort: "" }] = resource.spec.ports
              assert.strictEqual(offered, port)
              const target = container.ports?.find(({ name }) => name === targetPort)
              assert.strictEqual(target?.containerPort, port)
              break
            }
            case "PodDisruptionBudget":
              assert.isTrue(matches(labels, resource.spec.selector.matchLabels))
              assert.isBelow(resource.spec.maxUnavailable, deployment.spec.replicas)
              break
            case "NetworkPolicy": {
              assert.isTrue(matches(labels, resource.spec.podSelector.matchLabels))
              const open = resource.spec.ingress.flatMap(({ ports }) => ports.map(({ port }) => port))
              assert.deepStrictEqual(open, [port, adminPort])
              const reachable = resource.spec.egress.flatMap(({ ports }) => ports.map(({ port }) => port))
              assert.include(reachable, Number(/:([0-9]+)$/.exec(environment.get("KV_CACHE_ENGINE") ?? "")?.[1]))
              break
            }
            case "Deployment":
          }
        }
      }
    })
  )

  it.effect("have a sidecar that the application alone reaches, with the password that both know", () =>
    Effect.gen(function* () {
      const all = yield* servers
      const sidecar = all.find(({ file }) => file === "sidecar.yaml")
      assert.isDefined(sidecar)
      if (sidecar === undefined) return
      const { container, deployment, environment } = sidecar
      // Starts before the application, and ends after it.
      assert.strictEqual(container.restartPolicy, "Always")
      assert.strictEqual(Manifest.valueOf(settings.host, environment), "127.0.0.1")
      const [application] = deployment.spec.template.spec.containers
      assert.deepStrictEqual(application?.env, [
        { name: "CACHE_PASSWORD", valueFrom: { secretKeyRef: { name: "kv-cache", key: "password" } } },
        {
          name: "REDIS_URL",
          value: `redis://:$(CACHE_PASSWORD)@127.0.0.1:${Manifest.valueOf(settings.port, environment)}`
        }
      ])
    })
  )
})
