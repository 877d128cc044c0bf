import { assert, describe, it } from "@effect/vitest"
import * as Format from "../../src/chart/Format.ts"
import type { Drawing } from "../../src/chart/Frame.ts"
import { hitRateBySize } from "../../src/chart/SizeChart.ts"

const MB = 1024 ** 2

const drawing = (width: number): Drawing => ({ id: "size", size: { width, height: 200 } })

const points = [
  { bytes: 4 * MB, hitRate: 0.5 },
  { bytes: 8 * MB, hitRate: 0.75 },
  { bytes: 16 * MB, hitRate: 0.9 },
  { bytes: 64 * MB, hitRate: 0.96 }
]

const labels = (source: string): ReadonlyArray<string> =>
  [...source.matchAll(/>([0-9]+ MB)</g)].map(([, label = ""]) => label)

const here = (source: string) => {
  const [, x = "", anchor = "", label = ""] =
    /<text class="name" x="([0-9.]+)" y="[0-9.]+" text-anchor="(start|end)">([^<]*)</.exec(source) ?? []
  return { x: Number(x), anchor, label }
}

describe("the chart of hit rates by size", () => {
  it("says in words what the present, the least and the largest size give", () => {
    const { source } = hitRateBySize(drawing(560), points, { bytes: 8 * MB, hitRate: 0.75 })
    assert.include(source, "With the present 8 MB, 75 % of reads hit; with 4 MB it would be 50 %, with 64 MB 96 %.")
    assert.include(source, "16 MB: 90 % of reads would hit")
  })

  it("has equal ratios at equal distances, with fewer ticks where there is no room", () => {
    const wide = labels(hitRateBySize(drawing(900), points, points[1] ?? assert.fail()).source)
    assert.deepStrictEqual(wide, ["4 MB", "8 MB", "16 MB", "32 MB", "64 MB"])
    const narrow = labels(hitRateBySize(drawing(200), points, points[1] ?? assert.fail()).source)
    assert.deepStrictEqual(narrow, ["4 MB", "16 MB", "64 MB"])
  })

  it("marks the present size, on the side where there is room", () => {
    const small = here(hitRateBySize(drawing(560), points, { bytes: 4 * MB, hitRate: 0.5 }).source)
    const large = here(hitRateBySize(drawing(560), points, { bytes: 64 * MB, hitRate: 0.96 }).source)
    assert.deepStrictEqual([small.anchor, large.anchor], ["start", "end"])
    assert.isBelow(small.x, large.x)
    assert.strictEqual(large.label, "you are here: 96 %")
  })
})

describe("a time in µs", () => {
  it("has three digits in the unit that fits", () => {
    assert.deepStrictEqual([0.5, 12.34, 999, 1500, 2_000_000].map(Format.micros), [
      "0.5 µs",
      "12.3 µs",
      "999 µs",
      "1.5 ms",
      "2 s"
    ])
  })
})
