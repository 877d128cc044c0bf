/**
 * The one verdict on a run, from its assessment and from what a user has asserted. Every report ends, or begins, with it:
 * a failed assertion is never followed by good news.
 */
import type { Checked } from "./Assertion.ts"
import * as Assessment from "./Assessment.ts"
import * as Format from "./Format.ts"

export interface Verdict {
  /** As its colour: `bad` is what a user has said must not be, or what is below the minimum. */
  readonly tone: "good" | "fair" | "bad"
  /** In a few words, for a title. */
  readonly title: string
  /** As a sentence without its full stop, naming what was missed. */
  readonly text: string
}

const TONES: { readonly [K in Assessment.Verdict]: Verdict["tone"] } = {
  "targets met": "good",
  "minimum met": "fair",
  "below minimum": "bad"
}

/** Judges an assessed run whose assertions have been checked. */
export const verdictOf = (assessment: Assessment.Assessment, assertions: ReadonlyArray<Checked>): Verdict => {
  const assessed = Assessment.verdictText(assessment)
  const tone = TONES[assessment.verdict]
  const failed = assertions.filter(({ holds }) => !holds)
  if (failed.length > 0) {
    const texts = failed.map(({ assertion }) => Format.printable(assertion.text)).join(", ")
    const count = `${Format.count(failed.length)} of ${Format.plural(assertions.length, "assertion")} not met: ${texts}`
    // What else was missed is said with it; that all else was well would read as good news.
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
