/**
 * The table of metrics as Effect's metrics: series that are registered with a hook, which reads what was read last. Whoever
 * asks the registry for all of them (an exporter) makes it read anew.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import type { Distribution, Family, Labels, Reading, Samples } from "./Metrics.ts"

/** One series: what it was when it was read last, and how it is forgotten. */
interface Series<A> {
  value: A
  reading: number
  readonly registrations: ReadonlyArray<Metric.Registration>
}

type Register<A> = (
  labels: Labels,
  get: () => A,
  contexts: ReadonlyArray<Context.Context<never>>
) => ReadonlyArray<Metric.Registration>

/** So many series are read, or written, without a pause: a few hundred µs. */
const AT_ONCE = 16

/** The series of one family, by their labels. */
class SeriesOf<A> {
  /** Registries of a few series each. */
  readonly contexts: Array<Context.Context<never>> = []
  private readonly series = new Map<string, Series<A>>()
  private readonly read: (reading: Reading) => Samples<A>
  private readonly register: Register<A>
  private readonly all: Context.Context<never>
  private registered = 0

  constructor(all: Context.Context<never>, read: (reading: Reading) => Samples<A>, register: Register<A>) {
    this.all = all
    this.read = read
    this.register = register
  }

  /** Reads it: each step reads a few series, and there may be a pause between two. Readings are numbered. */
  *refresh(reading: Reading, number: number): Generator<undefined> {
    const samples = this.read(reading)
    for (let index = 0; index < samples.length; index += AT_ONCE) {
      for (const [labels, value] of samples.slice(index, index + AT_ONCE)) this.set(labels, value, number)
      yield
    }
    // What is there no more is forgotten.
    for (const [key, { reading, registrations }] of this.series) {
      if (reading >= number) continue
      this.series.delete(key)
      for (const registration of registrations) registration.remove()
    }
  }

  private set(labels: Labels, value: A, number: number): void {
    const key = Object.values(labels).join("\n")
    const known = this.series.get(key)
    if (known !== undefined) {
      known.value = value
      known.reading = number
      return
    }
    const series: Series<A> = {
      value,
      reading: number,
      registrations: this.register(labels, () => series.value, [this.nextContext(), this.all])
    }
    this.series.set(key, series)
  }

  private nextContext(): Context.Context<never> {
    const last = this.contexts.at(-1)
    if (this.registered++ % AT_ONCE !== 0 && last !== undefined) return last
    const context = contextOf(new Map())
    this.contexts.push(context)
    return context
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

/** The text of a registry without the lines that say what its one family is. */
const withoutHead = (text: string): string => text.replace(/^(?:#.*\n)+/, "")

export class MetricRegistry {
  /** All metrics, for exporters. */
  readonly context: Context.Context<never>
  private readonly parts: ReadonlyArray<Part>
  private readonly read: () => Reading | undefined
  private readings = 0

  /** `read` reads the server, if it serves. */
  constructor(families: ReadonlyArray<Family>, read: () => Reading | undefined) {
    const live = new LiveRegistry()
    live.onValues = () => this.refresh()
    this.context = contextOf(live)
    this.read = read
    this.parts = families.map((family) => partOf(family, this.context))
  }

  /**
   * All metrics in Prometheus's text format, as they are now. A few are read and written in each turn of the event loop, so
   * that no request waits for all of them.
   */
  readonly prometheus: Effect.Effect<string> = Effect.suspend(() => {
    const reading = this.read()
    if (reading === undefined) return Effect.succeed("")
    const number = ++this.readings
    return Effect.map(
      Effect.forEach(this.parts, (part) => textOf(part, reading, number)),
      (texts) => texts.join("")
    )
  })

  private refresh(): void {
    const reading = this.read()
    if (reading === undefined) return
    const number = ++this.readings
    for (const part of this.parts) for (const _ of part.refresh(reading, number));
  }
}

/** One family. */
interface Part {
  readonly contexts: ReadonlyArray<Context.Context<never>>
  readonly refresh: (reading: Reading, number: number) => Generator<undefined>
}

const textOf = Effect.fnUntraced(function* (part: Part, reading: Reading, number: number) {
  for (const _ of part.refresh(reading, number)) yield* Effect.yieldNow
  let text = ""
  for (const context of part.contexts) {
    const more = PrometheusMetrics.formatUnsafe(context)
    text += text === "" ? more : withoutHead(more)
    yield* Effect.yieldNow
  }
  return text
})

/** Nobody updates what is read. */
const READ_ONLY = { update: () => {}, modify: () => {} }

const partOf = (family: Family, all: Context.Context<never>): Part => {
  const { help: description, name } = family
  switch (family.type) {
    case "counter":
      return new SeriesOf(all, family.read, (attributes, get, contexts) => {
        const metric = Metric.counter(name, { description, attributes, incremental: true })
        return contexts.map((context) =>
          Metric.registerUnsafe(metric, context, { get: () => ({ count: get(), incremental: true }), ...READ_ONLY })
        )
      })
    case "gauge":
      return new SeriesOf(all, family.read, (attributes, get, contexts) => {
        const metric = Metric.gauge(name, { description, attributes })
        return contexts.map((context) =>
          Metric.registerUnsafe(metric, context, { get: () => ({ value: get() }), ...READ_ONLY })
        )
      })
    case "histogram":
      return new SeriesOf<Distribution>(all, family.read, (attributes, get, contexts) => {
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
