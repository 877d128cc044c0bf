import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { checkAll, parse } from "../../src/loadtest/Assertion.ts"
import { assess } from "../../src/loadtest/Assessment.ts"
import type { LoadResult } from "../../src/loadtest/LoadResult.ts"
import { verdictOf } from "../../src/loadtest/Verdict.ts"
import { closedResult, emptyResult, goodResult } from "./fixtures.ts"

const judge = (result: LoadResult, ...texts: ReadonlyArray<string>) =>
  verdictOf(
    assess(result),
    checkAll(
      texts.map((text) => Result.getOrThrow(parse(text))),
      result
    )
  )

describe("the verdict", () => {
  it("is the assessment's without assertions", () => {
    assert.deepStrictEqual(judge(goodResult()), { tone: "good", title: "targets met", text: "All five targets met" })
    assert.strictEqual(judge(closedResult()).tone, "fair")
    assert.strictEqual(judge(emptyResult()).tone, "bad")
  })

  it("is bad if an assertion failed, however good the rest", () => {
    const verdict = judge(goodResult(), "p99<1us", "errors=0")
    assert.deepStrictEqual(verdict, {
      tone: "bad",
      title: "an assertion was not met",
      text: "1 of 2 assertions not met: p99<1us"
    })
    assert.deepInclude(judge(closedResult(), "p99<1us", "rps>1m"), {
      tone: "bad",
      title: "assertions were not met",
      text: "2 of 2 assertions not met: p99<1us, rps>1m. Minimum met, target missed: mean latency, p99 latency"
    })
  })

  it("is not improved by assertions that hold", () => {
    assert.deepInclude(judge(goodResult(), "errors=0"), {
      tone: "good",
      text: "All five targets met. The assertion holds"
    })
    assert.strictEqual(judge(closedResult(), "errors=0", "rps>1").tone, "fair")
    assert.strictEqual(judge({ ...goodResult(), ended: "server lost" }, "errors=0").tone, "bad")
  })
})
