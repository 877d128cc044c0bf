/**
 * The requests of the cache: one Schema tagged union that the server, the client, the REPL and the load tester share.
 *
 * The checks hold every limit and its error message, so there is one place that says what a key, a value and a TTL
 * may be. How a command is written on a wire is not said here: see `protocol/`.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"

/** Longest key, in bytes (printable ASCII, so also in characters). */
export const MAX_KEY_LENGTH = 256

/** Longest value, in bytes (printable ASCII, so also in characters). */
export const MAX_VALUE_LENGTH = 256

/** Largest TTL, in seconds (2^31 - 1, about 68 years). */
export const MAX_TTL_SECONDS = 2_147_483_647

const word = (name: string, maxLength: number) =>
  Schema.String.check(
    Schema.isPattern(new RegExp(`^[\\x21-\\x7e]{1,${maxLength}}$`), {
      message: `${name} must be 1 to ${maxLength} printable ASCII characters without whitespace`
    })
  )

/** A key: 1 to 256 printable ASCII characters without whitespace (0x21 to 0x7E). */
export const Key = word("key", MAX_KEY_LENGTH).pipe(Schema.brand("effect-kv-cache/Key"))
export type Key = typeof Key.Type

/** A value: 1 to 256 printable ASCII characters without whitespace (0x21 to 0x7E). */
export const Value = word("value", MAX_VALUE_LENGTH).pipe(Schema.brand("effect-kv-cache/Value"))
export type Value = typeof Value.Type

/** A time to live in whole seconds, 0 to 2147483647. 0 means that the key does not expire. */
export const Ttl = Schema.Number.check(
  Schema.makeFilter((seconds: number) =>
    Number.isInteger(seconds) && seconds >= 0 && seconds <= MAX_TTL_SECONDS
      ? undefined
      : `ttl must be a whole number of seconds from 0 to ${MAX_TTL_SECONDS}`
  )
).pipe(Schema.brand("effect-kv-cache/Ttl"))
export type Ttl = typeof Ttl.Type

/** The TTL of a key that does not expire. */
export const NO_TTL: Ttl = Ttl.make(0)

/** The latest time that a virtual clock can be set to, in ms (2^41, about 69 years). */
export const MAX_CLOCK_MILLIS = 2 ** 41

// A smaller one is not written in decimal digits any more.
const MIN_CLOCK_FACTOR = 0.000001
const MAX_CLOCK_FACTOR = 1_000_000

const ClockMillis = Schema.Number.check(
  Schema.makeFilter((millis: number) =>
    Number.isInteger(millis) && millis >= 0 && millis <= MAX_CLOCK_MILLIS
      ? undefined
      : `ms must be a whole number of milliseconds from 0 to ${MAX_CLOCK_MILLIS}`
  )
)

const ClockFactor = Schema.Number.check(
  Schema.makeFilter((factor: number) =>
    factor >= MIN_CLOCK_FACTOR && factor <= MAX_CLOCK_FACTOR
      ? undefined
      : `factor must be a number from ${MIN_CLOCK_FACTOR} to ${MAX_CLOCK_FACTOR}`
  )
)

/** What can be done with the clock of a server whose time is virtual. */
export const ClockAction = Schema.TaggedUnion({
  /** Says what time it is. */
  Now: {},
  /** Moves time forward, by ms. */
  Advance: { millis: ClockMillis },
  /** Moves time forward, to a time in ms since the server's start. */
  Set: { millis: ClockMillis },
  /** Lets time flow, so many times as fast as it does. */
  Run: { factor: ClockFactor },
  /** Stops time. */
  Freeze: {},
  /** Goes back to the start: time stands still at 0 ms, and no key is there. */
  Reset: {}
})
export type ClockAction = typeof ClockAction.Type

/** Every request that a client can make. */
export const Command = Schema.TaggedUnion({
  Put: { key: Key, value: Value, ttl: Ttl },
  Get: { key: Key },
  Delete: { key: Key },
  Exists: { key: Key },
  /** Asks what the server is and holds. */
  Stats: {},
  /** Removes every key. */
  Flush: {},
  Quit: {},
  /** Only a server whose time is virtual takes it. */
  Clock: { action: ClockAction }
})
export type Command = typeof Command.Type

/**
 * The commands that a store executes: all but `Quit`, which ends a connection, `Clock`, which moves its time, and `Stats`,
 * which asks about the whole server.
 */
export type StoreCommand = Exclude<Command, { readonly _tag: "Quit" | "Clock" | "Stats" }>

/** The commands that have a reply: all but `Quit`, whose answer is the end of the connection. */
export type AnsweredCommand = Exclude<Command, { readonly _tag: "Quit" }>

/** A value that is no command, with the message of the check that it failed. */
export class InvalidCommand extends Schema.TaggedError<InvalidCommand>()("InvalidCommand", {
  message: Schema.String
}) {}

const formatIssue = SchemaIssue.makeFormatterStandardSchemaV1()

/** The message of the first check that failed, naming the part and what is allowed. */
const describeIssue = (issue: SchemaIssue.Issue): string => formatIssue(issue).issues[0]?.message ?? "invalid command"

const decodeUnknown = SchemaParser.decodeUnknownResult(Command)

/**
 * Validates an unknown value as a command. The failure is the message of the check that failed, as plain data: a bad
 * line is an expected outcome, and an Error object would cost more than the command.
 */
export const decode = (input: unknown): Result.Result<Command, string> =>
  Result.mapError(decodeUnknown(input), describeIssue)

// One typed constructor a command, for callers that hold plain strings: each is checked as a line of the wire is.
const checked = <S extends Schema.ConstraintDecoder<unknown>>(schema: S) => {
  const decodeCase = SchemaParser.decodeUnknownEffect(schema)
  return (input: unknown): Effect.Effect<S["Type"], InvalidCommand, S["DecodingServices"]> =>
    Effect.mapError(decodeCase(input), (issue) => new InvalidCommand({ message: describeIssue(issue) }))
}

const checkedPut = checked(Command.cases.Put)
const checkedGet = checked(Command.cases.Get)
const checkedDelete = checked(Command.cases.Delete)
const checkedExists = checked(Command.cases.Exists)

/** A checked PUT; `ttl` in seconds, 0 for a key that does not expire. */
export const put = (key: string, value: string, ttl: number = NO_TTL) => checkedPut({ _tag: "Put", key, value, ttl })

/** A checked GET. */
export const get = (key: string) => checkedGet({ _tag: "Get", key })

/** A checked DELETE. */
export const del = (key: string) => checkedDelete({ _tag: "Delete", key })

/** A checked EXISTS. */
export const exists = (key: string) => checkedExists({ _tag: "Exists", key })
