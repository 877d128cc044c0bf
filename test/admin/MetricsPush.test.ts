import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as MetricsPush from "../../src/admin/MetricsPush.ts"
import * as Changes from "../server/Changes.ts"
import * as Logs from "../server/Logs.ts"
import * as Watched from "./Watched.ts"

const Point = Schema.Struct({
  attributes: Schema.Array(Schema.Struct({ key: Schema.String, value: Schema.Record(Schema.String, Schema.Unknown) })),
  asDouble: Schema.optional(Schema.Finite),
  count: Schema.optional(Schema.Finite),
  bucketCounts: Schema.optional(Schema.Array(Schema.Finite)),
  explicitBounds: Schema.optional(Schema.Array(Schema.Finite))
})

const Data = Schema.Struct({ dataPoints: Schema.Array(Point) })

/** What a collector is sent, as far as it is looked at here. */
const Export = Schema.fromJsonString(
  Schema.Struct({
    resourceMetrics: Schema.Array(
      Schema.Struct({
        resource: Schema.Struct({
          attributes: Schema.Array(
            Schema.Struct({ key: Schema.String, value: Schema.Record(Schema.String, Schema.Unknown) })
          )
        }),
        scopeMetrics: Schema.Array(
          Schema.Struct({
            metrics: Schema.Array(
              Schema.Struct({
                name: Schema.String,
                sum: Schema.optional(Data),
                gauge: Schema.optional(Data),
                histogram: Schema.optional(Data)
              })
            )
          })
        )
      })
    )
  })
)

const COMPLAINT = "metrics do not reach"

interface Received {
  readonly url: string
  readonly headers: Http.IncomingHttpHeaders
  readonly body: string
}

/** A collector that answers with this status. */
const collector = (status: number) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<{
        readonly server: Http.Server
        readonly received: Array<Received>
        readonly changes: Changes.Changes
      }>((resume) => {
        const received: Array<Received> = []
        const changes = Changes.make()
        const server = Http.createServer((request, response) => {
          let body = ""
          request.setEncoding("utf8").on("data", (text: string) => {
            body += text
          })
          request.on("end", () => {
            received.push({ url: request.url ?? "", headers: request.headers, body })
            response.writeHead(status, { "content-type": "application/json" }).end("{}")
            changes.changed()
          })
        }).listen(0, "127.0.0.1", () => resume(Effect.succeed({ server, received, changes })))
      }),
      ({ server }) =>
        Effect.sync(() => {
          server.close()
          server.closeAllConnections()
        })
    ),
    ({ changes, received, server }) => {
      const address: AddressInfo | string | null = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      return { url: `http://127.0.0.1:${port}`, received, until: changes.until }
    }
  )

describe("metrics that are sent", () => {
  it.live("reach a collector, with its headers, as often as was asked for and once more at the end", () =>
    Effect.gen(function* () {
      const { received, until, url } = yield* collector(200)
      const server = yield* Watched.start()
      const client = yield* server.connect()
      yield* client.ask("PUT a 1\n")
      yield* Effect.scoped(
        Effect.gen(function* () {
          const interval = Duration.millis(20)
          yield* MetricsPush.push(server.overview.metrics, { url, interval, headers: { "x-api-key": "k y" } })
          yield* until(() => received.length >= 2)
          yield* client.ask("PUT b 1\n")
        })
      )
      const last = received.at(-1) ?? assert.fail("nothing came")
      assert.strictEqual(last.url, "/v1/metrics")
      assert.strictEqual(last.headers["x-api-key"], "k y")
      assert.strictEqual(last.headers["content-type"], "application/json")
      const { resourceMetrics } = yield* Schema.decodeUnknownEffect(Export)(last.body)
      const [{ resource, scopeMetrics } = assert.fail("no resource")] = resourceMetrics
      assert.deepInclude(resource.attributes, { key: "service.name", value: { stringValue: "kv-cache" } })
      const metrics = new Map(scopeMetrics.flatMap(({ metrics }) => metrics).map((metric) => [metric.name, metric]))
      const puts = metrics
        .get("kv_cache_commands_total")
        ?.sum?.dataPoints.find(({ attributes }) =>
          ["PUT", "ok"].every((text) => attributes.some(({ value }) => value["stringValue"] === text))
        )
      // Read when it was sent, and not before.
      assert.strictEqual(puts?.asDouble, 2)
      assert.strictEqual(metrics.get("redis_up")?.gauge?.dataPoints[0]?.asDouble, 1)
      const delay = metrics.get("kv_cache_event_loop_delay_seconds")?.histogram?.dataPoints[0]
      assert.strictEqual(delay?.bucketCounts?.length, (delay?.explicitBounds?.length ?? 0) + 1)
    })
  )

  it.live("are sent where a URL with a path says", () =>
    Effect.gen(function* () {
      const { received, until, url } = yield* collector(200)
      const { overview } = yield* Watched.start()
      yield* MetricsPush.push(overview.metrics, {
        url: `${url}/api/otlp?tenant=1`,
        interval: Duration.millis(20),
        headers: {}
      })
      yield* until(() => received.length > 0)
      assert.strictEqual(received[0]?.url, "/api/otlp?tenant=1")
    })
  )

  it.live("are complained of once while a collector refuses them", () =>
    Effect.gen(function* () {
      const { received, until, url } = yield* collector(401)
      const logs = Logs.make()
      const { overview } = yield* Watched.start()
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* MetricsPush.push(overview.metrics, { url, interval: Duration.millis(5), headers: {} })
          yield* until(() => received.length > 0)
          yield* logs.waitFor(COMPLAINT)
        })
      ).pipe(Effect.provide(logs.layer))
      assert.deepStrictEqual(
        logs.startingWith(COMPLAINT).map(({ message }) => message),
        [`metrics do not reach ${url}/v1/metrics: it answered 401; tried again, and not said again until they do`]
      )
    })
  )
})
