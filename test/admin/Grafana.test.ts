/** The dashboard in the repository asks only for what the server tells. */
import * as Fs from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { families } from "../../src/admin/Metrics.ts"

const file = new URL("../../deploy/grafana/kv-cache.json", import.meta.url)

const Dashboard = Schema.fromJsonString(
  Schema.Struct({
    title: Schema.String,
    uid: Schema.String,
    templating: Schema.Struct({ list: Schema.Array(Schema.Struct({ name: Schema.String, query: Schema.String })) }),
    panels: Schema.Array(
      Schema.Struct({
        id: Schema.Finite,
        title: Schema.String,
        gridPos: Schema.Struct({ x: Schema.Finite, y: Schema.Finite, w: Schema.Finite, h: Schema.Finite }),
        targets: Schema.Array(Schema.Struct({ expr: Schema.String, legendFormat: Schema.String }))
      })
    )
  })
)

const dashboard = Effect.suspend(() => Schema.decodeUnknownEffect(Dashboard)(Fs.readFileSync(file, "utf8")))

/** All that a metric may be called in a query, with its labels. */
const series = new Map(
  families.flatMap(({ labels, name, type }) => {
    const names = type === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name]
    return names.map((each) => [each, new Set([...labels, "instance", "le"])])
  })
)

describe("Grafana's dashboard", () => {
  it.effect("asks for metrics that the server has, by labels that they have", () =>
    Effect.gen(function* () {
      const { panels, templating } = yield* dashboard
      const queries = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))
      for (const query of [...queries, ...templating.list.map(({ query }) => query)]) {
        for (const [name] of query.matchAll(/\b(?:redis|kv_cache)_\w+/g))
          assert.isTrue(series.has(name), `${name}: ${query}`)
        for (const [, name = "", selectors = ""] of query.matchAll(/(\w+)\{([^}]*)\}/g)) {
          for (const [, label = ""] of selectors.matchAll(/(\w+)(?:=~|!~|!=|=)"/g)) {
            assert.isTrue(series.get(name)?.has(label), `${label} of ${name}: ${query}`)
          }
        }
      }
      for (const { targets, title } of panels) {
        for (const { expr, legendFormat } of targets) {
          for (const [, label = ""] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
            assert.match(expr, new RegExp(`by \\((?:\\w+, )*${label}\\b`), `${title}: ${legendFormat}`)
          }
        }
      }
    })
  )

  it.effect("has panels that do not lie on each other", () =>
    Effect.gen(function* () {
      const { panels } = yield* dashboard
      assert.lengthOf(new Set(panels.map(({ id }) => id)), panels.length)
      panels.forEach(({ gridPos: a, title }, index) => {
        assert.isAtMost(a.x + a.w, 24, title)
        for (const { gridPos: b, title: other } of panels.slice(index + 1)) {
          const isApart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y
          assert.isTrue(isApart, `${title} and ${other}`)
        }
      })
    })
  )
})
