/** Sends the metrics to an OpenTelemetry collector, by Effect's exporter: OTLP as JSON over HTTP. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as OtlpExporter from "effect/observability/OtlpExporter"
import * as OtlpMetrics from "effect/observability/OtlpMetrics"
import * as OtlpSerialization from "effect/observability/OtlpSerialization"
import type * as Scope from "effect/Scope"
import { version } from "../Version.ts"
import type { MetricRegistry } from "./MetricRegistry.ts"

export interface PushConfig {
  /** Of a collector, or of where it takes metrics. */
  readonly url: string
  readonly interval: Duration.Duration
  readonly headers: Readonly<Record<string, string>>
}

/** Where a collector takes metrics, unless its URL says more. */
const METRICS_PATH = "/v1/metrics"

const metricsUrl = (url: string): string => {
  const parsed = new URL(url)
  if (parsed.pathname === "/") parsed.pathname = METRICS_PATH
  return parsed.href
}

/** The last metrics are sent at the end; a collector that does not answer is waited for so long. */
const LAST = "1 second"

/** Sends for as long as the scope is open, and once more when it closes. A failure is logged, and tried again later. */
export const push = (
  metrics: MetricRegistry,
  { headers, interval, url }: PushConfig
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const services = yield* Layer.build(
      Layer.mergeAll(FetchHttpClient.layer, OtlpSerialization.layerJson, OtlpExporter.layerFlusher)
    )
    const to = metricsUrl(url)
    let isFailing = false
    const client = HttpClient.transformResponse(yield* Effect.provideContext(HttpClient.HttpClient, services), (sent) =>
      sent.pipe(
        Effect.tap(({ status }) => {
          if (status < 300) {
            isFailing = false
            return Effect.void
          }
          return complain(`it answered ${status}`)
        }),
        Effect.tapError((error) => complain(error.message))
      )
    )
    const complain = (why: string): Effect.Effect<void> => {
      if (isFailing) return Effect.void
      isFailing = true
      return Effect.logWarning(`metrics do not reach ${to}: ${why}; tried again, and not said again until they do`)
    }
    yield* OtlpMetrics.make({
      url: to,
      headers,
      exportInterval: interval,
      shutdownTimeout: LAST,
      resource: { serviceName: "kv-cache", serviceVersion: version }
    }).pipe(
      Effect.provideService(HttpClient.HttpClient, client),
      Effect.provideContext(services),
      Effect.provideContext(metrics.context)
    )
  })
