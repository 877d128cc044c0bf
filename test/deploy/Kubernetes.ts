/**
 * The kinds of Kubernetes that the manifests use, with the fields of these that they use. A field that is not here is a
 * mistake, or is to be added here by whoever has looked it up in Kubernetes's reference.
 */
import * as Schema from "effect/Schema"

const Text = Schema.NonEmptyString
const Labels = Schema.Record(Schema.String, Text)
const Selector = Schema.Struct({ matchLabels: Labels })
const Metadata = Schema.Struct({ name: Text, labels: Schema.optionalKey(Labels) })
const PortNumber = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 65_535 }))
const Seconds = Schema.Int.check(Schema.isGreaterThan(0))

const Variable = Schema.Union([
  Schema.Struct({ name: Text, value: Schema.String }),
  Schema.Struct({
    name: Text,
    valueFrom: Schema.Struct({ secretKeyRef: Schema.Struct({ name: Text, key: Text }) })
  })
])

const Probe = Schema.Struct({
  httpGet: Schema.Struct({ path: Text, port: Schema.Union([Text, PortNumber]) }),
  periodSeconds: Seconds,
  timeoutSeconds: Schema.optionalKey(Seconds),
  failureThreshold: Schema.optionalKey(Seconds)
})

const Container = Schema.Struct({
  name: Text,
  image: Schema.String.check(Schema.isPattern(/^[a-z0-9./-]+:[\w.-]+$/)),
  restartPolicy: Schema.optionalKey(Schema.Literal("Always")),
  env: Schema.Array(Variable),
  ports: Schema.optionalKey(Schema.Array(Schema.Struct({ name: Text, containerPort: PortNumber }))),
  startupProbe: Schema.optionalKey(Probe),
  readinessProbe: Schema.optionalKey(Probe),
  livenessProbe: Schema.optionalKey(Probe),
  lifecycle: Schema.optionalKey(
    Schema.Struct({
      preStop: Schema.Struct({
        exec: Schema.Struct({ command: Schema.Tuple([Schema.Literal("sleep"), Schema.NumberFromString]) })
      })
    })
  ),
  resources: Schema.Struct({
    requests: Schema.Struct({ cpu: Schema.String.check(Schema.isPattern(/^[0-9]+m?$/)), memory: Text }),
    limits: Schema.Struct({ memory: Text })
  }),
  securityContext: Schema.Struct({
    allowPrivilegeEscalation: Schema.Literal(false),
    readOnlyRootFilesystem: Schema.Literal(true),
    capabilities: Schema.Struct({ drop: Schema.Tuple([Schema.Literal("ALL")]) })
  }),
  volumeMounts: Schema.optionalKey(
    Schema.Array(Schema.Struct({ name: Text, mountPath: Text, readOnly: Schema.Literal(true) }))
  )
})

const Pod = Schema.Struct({
  enableServiceLinks: Schema.Literal(false),
  automountServiceAccountToken: Schema.Literal(false),
  terminationGracePeriodSeconds: Seconds,
  securityContext: Schema.Struct({
    runAsNonRoot: Schema.Literal(true),
    runAsUser: Schema.Int.check(Schema.isGreaterThan(0)),
    runAsGroup: Schema.Int.check(Schema.isGreaterThan(0)),
    fsGroup: Schema.Int,
    seccompProfile: Schema.Struct({ type: Schema.Literal("RuntimeDefault") })
  }),
  topologySpreadConstraints: Schema.optionalKey(
    Schema.Array(
      Schema.Struct({
        maxSkew: Schema.Int,
        topologyKey: Text,
        whenUnsatisfiable: Schema.Literals(["ScheduleAnyway", "DoNotSchedule"]),
        labelSelector: Selector
      })
    )
  ),
  initContainers: Schema.optionalKey(Schema.Array(Container)),
  containers: Schema.Array(Container),
  volumes: Schema.Array(
    Schema.Struct({ name: Text, secret: Schema.Struct({ secretName: Text, defaultMode: Schema.Int }) })
  )
})

const Deployment = Schema.Struct({
  apiVersion: Schema.Literal("apps/v1"),
  kind: Schema.Literal("Deployment"),
  metadata: Metadata,
  spec: Schema.Struct({
    replicas: Schema.Int,
    selector: Selector,
    template: Schema.Struct({ metadata: Schema.Struct({ labels: Labels }), spec: Pod })
  })
})

const Service = Schema.Struct({
  apiVersion: Schema.Literal("v1"),
  kind: Schema.Literal("Service"),
  metadata: Metadata,
  spec: Schema.Struct({
    selector: Labels,
    sessionAffinity: Schema.Literal("ClientIP"),
    ports: Schema.Array(Schema.Struct({ name: Text, port: PortNumber, targetPort: Text }))
  })
})

const PodDisruptionBudget = Schema.Struct({
  apiVersion: Schema.Literal("policy/v1"),
  kind: Schema.Literal("PodDisruptionBudget"),
  metadata: Metadata,
  spec: Schema.Struct({ maxUnavailable: Schema.Int, selector: Selector })
})

const Peers = Schema.Array(
  Schema.Union([Schema.Struct({ podSelector: Selector }), Schema.Struct({ namespaceSelector: Selector })])
)
const Ports = Schema.Array(Schema.Struct({ protocol: Schema.Literals(["TCP", "UDP"]), port: PortNumber }))

const NetworkPolicy = Schema.Struct({
  apiVersion: Schema.Literal("networking.k8s.io/v1"),
  kind: Schema.Literal("NetworkPolicy"),
  metadata: Metadata,
  spec: Schema.Struct({
    podSelector: Selector,
    policyTypes: Schema.Tuple([Schema.Literal("Ingress"), Schema.Literal("Egress")]),
    ingress: Schema.Array(Schema.Struct({ from: Peers, ports: Ports })),
    egress: Schema.Array(Schema.Struct({ to: Peers, ports: Ports }))
  })
})

/** A document of a manifest. */
export const Resource = Schema.Union([Deployment, Service, PodDisruptionBudget, NetworkPolicy])

export type Resource = typeof Resource.Type

export type Deployment = typeof Deployment.Type

export type Container = typeof Container.Type
