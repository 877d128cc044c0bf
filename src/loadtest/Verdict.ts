/**
 * The one verdict on a run, from its assessment and the user's assertions. Every report begins or ends with it, so that
 * a failed assertion is never followed by good news. It computes no figures: see `Assessment.ts` and `Assertion.ts`.
 */
import type { Checked } from "./Assertion.ts"
import * as Assessment from "./Assessment.ts"
import * as Format from "../chart/Format.ts"

export interface Verdict {
  /** The colour: `bad` for a failed assertion or a missed minimum. */
  readonly tone: "good" | "fair" | "bad"
  /** A few words for a title. */
  readonly title: string
  /** A sentence without its full stop that names what was missed. */
  readonly text: string
}

const TONES: { readonly [K in Assessment.Verdict]: Verdict["tone"] } = {
  "targets met": "good",
  "minimum met": "fair",
  "below minimum": "bad"
}

/** Gives the verdict on an assessed run with checked assertions. */
export const verdictOf = (assessment: Assessment.Assessment, assertions: ReadonlyArray<Checked>): Verdict => {
  const assessed = Assessment.verdictText(assessment)
  const tone = TONES[assessment.verdict]
  const failed = assertions.filter(({ holds }) => !holds)
  if (failed.length > 0) {
    const texts = failed.map(({ assertion }) => Format.printable(assertion.text)).join(", ")
    const count = `${Format.count(failed.length)} of ${Format.plural(assertions.length, "assertion")} not met: ${texts}`
    // The sentence adds other misses. It does not add that all else was well, which would read as good news.
    return {
      tone: "bad",
      title: failed.length === 1 ? "an assertion was not met" : "assertions were not met",
      text: tone === "good" ? count : `${count}. ${assessed}`
    }
  }
  if (assertions.length === 0) return { tone, title: assessment.verdict, text: assessed }
  const held =
    assertions.length === 1 ? "The assertion holds" : `All ${Format.count(assertions.length)} assertions hold`
  return { tone, title: assessment.verdict, text: `${assessed}. ${held}` }
}
