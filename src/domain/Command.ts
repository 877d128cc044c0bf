/**
 * The requests of the cache, as one Schema tagged union that the server, the client, the REPL and the load tester
 * share.
 *
 * The checks hold every limit and its error message, so that keys, values and TTLs are defined in one place. This
 * module does not know how a command is written on a wire: see `protocol/`.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"

/** The longest user name and the longest password in bytes. */
export const MAX_CREDENTIAL_LENGTH = 256

/** The longest key in bytes. Keys are printable ASCII, so it is the same in characters. */
export const MAX_KEY_LENGTH = 256

/** The longest value in bytes. Values are printable ASCII, so it is the same in characters. */
export const MAX_VALUE_LENGTH = 256

/** The largest TTL in seconds: 2^31 - 1, about 68 years. */
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

export const TTL_MESSAGE = `ttl must be a whole number of seconds from 0 to ${MAX_TTL_SECONDS}`

/** A time to live in whole seconds, 0 to 2147483647. 0 means that the key does not expire. */
export const Ttl = Schema.Number.check(
  Schema.makeFilter((seconds: number) =>
    Number.isInteger(seconds) && seconds >= 0 && seconds <= MAX_TTL_SECONDS ? undefined : TTL_MESSAGE
  )
).pipe(Schema.brand("effect-kv-cache/Ttl"))
export type Ttl = typeof Ttl.Type

/** The TTL of a key that does not expire. */
export const NO_TTL: Ttl = Ttl.make(0)

/** The latest time of a virtual clock in ms: 2^41, about 69 years. */
export const MAX_CLOCK_MILLIS = 2 ** 41

// JavaScript does not write smaller numbers in decimal digits.
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

/** The actions on the clock of a server in virtual time. */
export const ClockAction = Schema.TaggedUnion({
  /** Tells the time. */
  Now: {},
  /** Moves time forward by ms. */
  Advance: { millis: ClockMillis },
  /** Moves time forward to a time in ms since the server's start. */
  Set: { millis: ClockMillis },
  /** Lets time flow this many times as fast as real time. */
  Run: { factor: ClockFactor },
  /** Stops time. */
  Freeze: {},
  /** Returns to the start: time stands still at 0 ms, and there are no keys. */
  Reset: {}
})
export type ClockAction = typeof ClockAction.Type

export const STATS_TOPICS = ["curve", "hot", "big"] as const

const StatsTopic = Schema.Literals(STATS_TOPICS).annotate({
  message: "the topic of STATS is CURVE, HOT or BIG"
})
export type StatsTopic = typeof StatsTopic.Type

const User = word("user", MAX_CREDENTIAL_LENGTH)

/** A password: 1 to 256 printable ASCII characters without whitespace, so that every client can send it. */
export const Password = word("password", MAX_CREDENTIAL_LENGTH)

/** All requests that a client can make. */
export const Command = Schema.TaggedUnion({
  Put: { key: Key, value: Value, ttl: Ttl },
  Get: { key: Key },
  Delete: { key: Key },
  Exists: { key: Key },
  /** Asks why a key is there or not. */
  Explain: { key: Key },
  /** Asks for the server's statistics, or for those of a topic. */
  Stats: { topic: Schema.optionalKey(StatsTopic) },
  /** Removes every key. */
  Flush: {},
  Quit: {},
  /** Says who the client is. Without a user it is the default one. */
  Auth: { user: Schema.optional(User), password: Password },
  /** Only a server in virtual time accepts it. */
  Clock: { action: ClockAction }
})
export type Command = typeof Command.Type

/**
 * The commands that a store executes. `Quit` ends a connection, `Auth` says whose it is, `Clock` moves the server's time,
 * and `Stats` and `Explain` ask about the server, so they are not among them.
 */
export type StoreCommand = Exclude<Command, { readonly _tag: "Quit" | "Auth" | "Clock" | "Stats" | "Explain" }>

/** The commands that have a reply. `Quit` has none: its answer is the end of the connection. */
export type AnsweredCommand = Exclude<Command, { readonly _tag: "Quit" }>

/** A value that is not a command, with the message of the failed check. */
export class InvalidCommand extends Schema.TaggedError<InvalidCommand>()("InvalidCommand", {
  message: Schema.String
}) {}

const formatIssue = SchemaIssue.makeFormatterStandardSchemaV1()

/** The message of the first failed check. It names the part and what is allowed. */
const describeIssue = (issue: SchemaIssue.Issue): string => formatIssue(issue).issues[0]?.message ?? "invalid command"

const decodeUnknown = SchemaParser.decodeUnknownResult(Command)

/**
 * Validates an unknown value as a command. A failure is the message of the failed check, as plain data. A malformed
 * line is an expected outcome, and an Error object would cost more than the command.
 */
export const decode = (input: unknown): Result.Result<Command, string> =>
  Result.mapError(decodeUnknown(input), describeIssue)

// A typed constructor for each command, for callers with plain strings. Each makes the same checks as for a line from
// the wire.
const checked = <S extends Schema.ConstraintDecoder<unknown>>(schema: S) => {
  const decodeCase = SchemaParser.decodeUnknownEffect(schema)
  return (input: unknown): Effect.Effect<S["Type"], InvalidCommand, S["DecodingServices"]> =>
    Effect.mapError(decodeCase(input), (issue) => new InvalidCommand({ message: describeIssue(issue) }))
}

const checkedAuth = checked(Command.cases.Auth)
const checkedPut = checked(Command.cases.Put)
const checkedGet = checked(Command.cases.Get)
const checkedDelete = checked(Command.cases.Delete)
const checkedExists = checked(Command.cases.Exists)

/** A checked AUTH. Without a user it is the default one. */
export const auth = (user: string | undefined, password: string) =>
  checkedAuth({ _tag: "Auth", password, ...(user === undefined ? {} : { user }) })

/** A checked PUT. `ttl` is in seconds; 0 for a key that does not expire. */
export const put = (key: string, value: string, ttl: number = NO_TTL) => checkedPut({ _tag: "Put", key, value, ttl })

/** A checked GET. */
export const get = (key: string) => checkedGet({ _tag: "Get", key })

/** A checked DELETE. */
export const del = (key: string) => checkedDelete({ _tag: "Delete", key })

/** A checked EXISTS. */
export const exists = (key: string) => checkedExists({ _tag: "Exists", key })
