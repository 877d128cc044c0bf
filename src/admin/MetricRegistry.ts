/**
 * The table of metrics as Effect's metrics: series that are registered with a hook, which reads what was read last. Whoever
 * asks the registry for all of them (an exporter) makes it read anew.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import type { Distribution, Family, Labels, Reading } from "./Metrics.ts"

/** One series: what it was when it was read last, and how it is forgotten. */
interface Series<A> {
  value: A
  reading: number
  readonly registrations: ReadonlyArray<Metric.Registration>
}

type Register<A> = (labels: Labels, get: () => A) => ReadonlyArray<Metric.Registration>

/** The series of one family, by their labels. */
class SeriesOf<A> {
  private readonly series = new Map<string, Series<A>>()
  private readonly read: (reading: Reading) => ReadonlyArray<readonly [Labels, A]>
  private readonly register: Register<A>

  constructor(read: (reading: Reading) => ReadonlyArray<readonly [Labels, A]>, register: Register<A>) {
    this.read = read
    this.register = register
  }

  /** What is there no more is forgotten. */
  refresh(reading: Reading, number: number): void {
    for (const [labels, value] of this.read(reading)) this.set(labels, value, number)
    for (const [key, { reading, registrations }] of this.series) {
      if (reading === number) continue
      this.series.delete(key)
      for (const registration of registrations) registration.remove()
    }
  }

  private set(labels: Labels, value: A, number: number): void {
    const key = JSON.stringify(labels)
    const known = this.series.get(key)
    if (known !== undefined) {
      known.value = value
      known.reading = number
      return
    }
    const series: Series<A> = {
      value,
      reading: number,
      registrations: this.register(labels, () => series.value)
    }
    this.series.set(key, series)
  }
}

const contextOf = (registry: Metric.MetricRegistry): Context.Context<never> =>
  Context.make(Metric.MetricRegistry, registry)

/** A registry that is read anew by whoever asks for all of it. */
class LiveRegistry extends Map<string, Metric.Metric.Metadata<unknown, unknown>> {
  onValues: () => void = () => {}

  override values(): ReturnType<Map<string, Metric.Metric.Metadata<unknown, unknown>>["values"]> {
    this.onValues()
    return super.values()
  }
}

export class MetricRegistry {
  /** All metrics, for exporters. */
  readonly context: Context.Context<never>
  private readonly parts: ReadonlyArray<{
    readonly context: Context.Context<never>
    readonly refresh: (reading: Reading, number: number) => void
  }>
  private readonly read: () => Reading | undefined
  private readings = 0

  /** `read` reads the server, if it serves. */
  constructor(families: ReadonlyArray<Family>, read: () => Reading | undefined) {
    const live = new LiveRegistry()
    live.onValues = () => this.refresh()
    this.context = contextOf(live)
    this.read = read
    this.parts = families.map((family) => {
      const context = contextOf(new Map())
      const series = seriesOf(family, [context, this.context])
      return { context, refresh: (reading, number) => series.refresh(reading, number) }
    })
  }

  /**
   * All metrics in Prometheus's text format, as they are now. They are written one after the other, in as many turns of the
   * event loop, so that no request waits for all of them.
   */
  readonly prometheus: Effect.Effect<string> = Effect.suspend(() => {
    this.refresh()
    return Effect.map(
      Effect.forEach(this.parts, ({ context }) =>
        Effect.tap(
          Effect.sync(() => PrometheusMetrics.formatUnsafe(context)),
          () => Effect.yieldNow
        )
      ),
      (texts) => texts.join("")
    )
  })

  private refresh(): void {
    const reading = this.read()
    if (reading === undefined) return
    this.readings++
    for (const part of this.parts) part.refresh(reading, this.readings)
  }
}

/** Nobody updates what is read. */
const READ_ONLY = { update: () => {}, modify: () => {} }

const seriesOf = (family: Family, contexts: ReadonlyArray<Context.Context<never>>) => {
  const { help: description, name } = family
  switch (family.type) {
    case "counter":
      return new SeriesOf(family.read, (attributes, get) => {
        const metric = Metric.counter(name, { description, attributes, incremental: true })
        return contexts.map((context) =>
          Metric.registerUnsafe(metric, context, { get: () => ({ count: get(), incremental: true }), ...READ_ONLY })
        )
      })
    case "gauge":
      return new SeriesOf(family.read, (attributes, get) => {
        const metric = Metric.gauge(name, { description, attributes })
        return contexts.map((context) =>
          Metric.registerUnsafe(metric, context, { get: () => ({ value: get() }), ...READ_ONLY })
        )
      })
    case "histogram":
      return new SeriesOf<Distribution>(family.read, (attributes, get) => {
        const metric = Metric.histogram(name, { description, attributes, boundaries: family.bounds })
        return contexts.map((context) =>
          Metric.registerUnsafe(metric, context, { get: () => stateOf(get()), ...READ_ONLY })
        )
      })
  }
}

/** Least and greatest are not known, but that they are within the bounds. */
const stateOf = ({ count, sum, upTo }: Distribution): Metric.HistogramState => ({
  buckets: upTo.map(([bound, count]) => [bound, count]),
  count,
  sum,
  min: 0,
  max: upTo.find(([, upToBound]) => upToBound >= count)?.[0] ?? upTo.at(-1)?.[0] ?? 0
})
