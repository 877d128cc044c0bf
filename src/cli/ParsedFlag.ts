/** A flag whose text is read by a parser. A refusal names the flag and says what is allowed. */
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as CliError from "effect/cli/CliError"
import * as Flag from "effect/cli/Flag"
import { withoutPassword } from "../client/ServerUrl.ts"

/** How a text is read. */
export interface Parsing<A> {
  /** What is allowed, to end the sentence "Expected ...". */
  readonly expected: string
  readonly parse: (text: string) => Option.Option<A>
}

export interface Parameter<A> extends Parsing<A> {
  readonly flag: string
  readonly metavar: string
  readonly description: string
}

/** The meaning of a text, or a refusal that names where the text was found. It shows nothing of what may be a password. */
export const parseFrom = <A>(source: string, text: string, { expected, parse }: Parsing<A>) =>
  Effect.mapError(
    Effect.fromOption(parse(text)),
    (): CliError.CliError =>
      new CliError.ValidationError({
        message: `Invalid value for ${source}: '${withoutPassword(text)}'. Expected ${expected}.`
      })
  )

export const parsedFlag = <A>(parameter: Parameter<A>): Flag.Flag<A> =>
  Flag.String(parameter.flag).pipe(
    Flag.withMetavar(parameter.metavar),
    Flag.withDescription(parameter.description),
    Flag.mapEffect((text) => parseFrom(`flag --${parameter.flag}`, text, parameter))
  )
