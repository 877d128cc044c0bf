/**
 * Reads Prometheus's text format (version 0.0.4) as strictly as `promtool check metrics` does: whatever it would complain
 * of is an error here.
 */
import { assert } from "@effect/vitest"

export interface Sample {
  /** With the suffix of a histogram's parts. */
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Family {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly samples: ReadonlyArray<Sample>
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const NUMBER = /^[+-]?(?:Inf|NaN|[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?)$/

const numberOf = (text: string): number => {
  assert.match(text, NUMBER)
  if (text.endsWith("Inf")) return text.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  return Number(text)
}

const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/y

const labelsOf = (text: string, line: string): Record<string, string> => {
  const labels: Record<string, string> = {}
  LABEL.lastIndex = 0
  let end = 0
  while (end < text.length) {
    const [, name = "", value = ""] = LABEL.exec(text) ?? assert.fail(`the labels are malformed: ${line}`)
    end = LABEL.lastIndex
    assert.notProperty(labels, name, line)
    assert.isFalse(name.startsWith("__"), `a reserved label: ${line}`)
    labels[name] = value.replaceAll(/\\(.)/g, (_, character: string) => (character === "n" ? "\n" : character))
  }
  return labels
}

const SAMPLE = /^([^ {]+)(?:\{(.*)\})? ([^ ]+)$/

const sampleOf = (line: string): Sample => {
  const [, name = "", labels = "", value = ""] = SAMPLE.exec(line) ?? assert.fail(`not a sample: ${line}`)
  assert.match(name, NAME)
  return { name, labels: labelsOf(labels, line), value: numberOf(value) }
}

/** The family that a sample's name belongs to. */
const SUFFIXES: Readonly<Record<string, ReadonlyArray<string>>> = {
  counter: [""],
  gauge: [""],
  histogram: ["_bucket", "_sum", "_count"]
}

export const parse = (text: string): ReadonlyMap<string, Family> => {
  assert.isTrue(text.endsWith("\n"), "the last line must end")
  const families = new Map<string, Family & { readonly samples: Array<Sample> }>()
  let help: { readonly name: string; readonly text: string } | undefined
  let current: (Family & { readonly samples: Array<Sample> }) | undefined
  const seen = new Set<string>()
  for (const line of text.slice(0, -1).split("\n")) {
    assert.notMatch(line, /\r|^\s*$|^\s|\s$/, `white space: '${line}'`)
    if (line.startsWith("# HELP ")) {
      const [, name = "", words = ""] = /^# HELP (\S+) (.+)$/.exec(line) ?? assert.fail(`no help text: ${line}`)
      assert.isFalse(families.has(name), `a second HELP or samples before it: ${line}`)
      help = { name, text: words }
    } else if (line.startsWith("# TYPE ")) {
      const [, name = "", type = ""] =
        /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line) ?? assert.fail(`an unknown type: ${line}`)
      assert.match(name, NAME)
      assert.isFalse(families.has(name), `a second TYPE: ${line}`)
      assert.strictEqual(help?.name, name, `TYPE without its HELP: ${line}`)
      current = { name, help: help?.text ?? "", type, samples: [] }
      families.set(name, current)
    } else {
      assert.isFalse(line.startsWith("#"), `an unknown comment: ${line}`)
      const sample = sampleOf(line)
      const family = current ?? assert.fail(`a sample without a TYPE: ${line}`)
      const belongs = (SUFFIXES[family.type] ?? []).some((suffix) => sample.name === family.name + suffix)
      assert.isTrue(belongs, `not a sample of ${family.name}: ${line}`)
      const id = `${sample.name} ${JSON.stringify(Object.entries(sample.labels).toSorted())}`
      assert.isFalse(seen.has(id), `a duplicate: ${line}`)
      seen.add(id)
      family.samples.push(sample)
    }
  }
  for (const family of families.values()) check(family)
  return families
}

const check = ({ name, samples, type }: Family): void => {
  assert.isAbove(samples.length, 0, `${name} has no samples`)
  assert.strictEqual(name.endsWith("_total"), type === "counter", `${name} is a ${type}`)
  assert.notMatch(name, /_(?:bucket|count|sum)$|_(?:milliseconds|millis|ms|kilobytes|percent)(?:_|$)/)
  if (type === "counter") for (const { value } of samples) assert.isAtLeast(value, 0, name)
  if (type === "histogram") checkHistogram(name, samples)
}

const withoutBound = ({ labels }: Sample): string =>
  JSON.stringify(Object.entries(labels).filter(([name]) => name !== "le"))

const checkHistogram = (name: string, samples: ReadonlyArray<Sample>): void => {
  for (const series of new Set(samples.map(withoutBound))) {
    const own = samples.filter((sample) => withoutBound(sample) === series)
    const part = (suffix: string) => own.filter((sample) => sample.name === `${name}_${suffix}`)
    const buckets = part("bucket").map(({ labels, value }) => [numberOf(labels["le"] ?? ""), value] as const)
    assert.lengthOf(part("sum"), 1)
    assert.lengthOf(part("count"), 1)
    buckets.forEach(([bound, count], index) => {
      const [bound0, count0] = buckets[index - 1] ?? [Number.NEGATIVE_INFINITY, 0]
      assert.isAbove(bound, bound0, `${name} ${series}: bounds must rise`)
      assert.isAtLeast(count, count0, `${name} ${series}: counts must not fall`)
    })
    assert.deepStrictEqual(buckets.at(-1), [Number.POSITIVE_INFINITY, part("count")[0]?.value ?? Number.NaN])
  }
}
