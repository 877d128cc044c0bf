/**
 * Commands from a pipe: bytes in, replies out, in order, pipelined, in bounded memory.
 *
 * It is not a proxy. It reads lines with the protocol's decoder and answers a bad one in its place, with the words of
 * the server, which sees only commands. It does not reconnect, because it cannot know what was executed.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { AnsweredCommand } from "../domain/Command.ts"
import * as Reply from "../domain/Reply.ts"
import { type Request, RequestReader } from "../protocol/RequestReader.ts"
import type { ClientConnection } from "./ClientConnection.ts"
import type { ClientError } from "./ClientError.ts"
import * as ReplyText from "./ReplyText.ts"

/** Some requests were not answered. */
export class PipeStopped extends Schema.TaggedError<PipeStopped>()("PipeStopped", {
  /** `input`: the rest of the input cannot be understood. */
  reason: Schema.Literals(["connection", "input"]),
  /** How many requests were answered. */
  answered: Schema.Finite,
  message: Schema.String
}) {}

/** The most requests that are sent in one write. */
const BATCH = 1024

/** How many batches wait in a queue, sent but not written out. About as many are in hand. This bounds the memory. */
const IN_FLIGHT = 8

/** Requests in order. The commands among them were sent; the others are answered here. */
interface Batch {
  readonly requests: ReadonlyArray<Request>
  /** The answers to the commands, added as they come. */
  readonly replies: Array<Reply.Reply>
  readonly sent: Fiber.Fiber<unknown, ClientError>
}

/**
 * Answers everything that comes in, up to a QUIT. `write` completes when its bytes have been taken. They are not
 * reused.
 */
export const run = Effect.fnUntraced(function* <E, R>(
  connection: ClientConnection,
  input: Stream.Stream<Uint8Array, E, R>,
  write: (bytes: Buffer) => Effect.Effect<void>,
  format: ReplyText.Format
) {
  const reader = new RequestReader(format.protocol.makeRequestDecoder())
  const progress = { answered: 0, lost: false }

  const decode = (chunk: Uint8Array): ReadonlyArray<ReadonlyArray<Request>> => {
    const requests = reader.read(chunk)
    return Array.from({ length: Math.ceil(requests.length / BATCH) }, (_, batch) =>
      requests.slice(batch * BATCH, (batch + 1) * BATCH)
    )
  }

  const send = Effect.fnUntraced(function* (requests: ReadonlyArray<Request>) {
    const replies: Array<Reply.Reply> = []
    // Starts at once, so that batches go out in order.
    const sent = yield* Effect.forkScoped(connection.execute(requests.filter(isAnswered), replies), {
      startImmediately: true
    })
    const batch: Batch = { requests, replies, sent }
    return batch
  })

  const writeOut = Effect.fnUntraced(function* ({ replies, requests, sent }: Batch) {
    const exit = yield* Fiber.await(sent)
    let text = ""
    let taken = 0
    let end: Request | undefined
    for (const request of requests) {
      if (isEnd(request)) end = request
      if (request._tag === "Quit") break
      const reply = request._tag === "Malformed" ? Reply.failed(request.message) : replies[taken++]
      if (reply === undefined) break
      text += ReplyText.toText(reply, format)
      progress.answered++
    }
    if (text !== "") yield* write(Buffer.from(text, "latin1"))
    yield* Effect.mapError(exit, (error) => stop("connection", error.message))
    return end
  })

  const stop = (reason: PipeStopped["reason"], why: string) => {
    const count = progress.answered === 1 ? "1 request was answered" : `${progress.answered} requests were answered`
    return new PipeStopped({ reason, answered: progress.answered, message: `${why} ${count}.` })
  }

  // While no request is in flight, nothing else would notice a lost connection. Only the wait for input ends with it.
  // Sent requests are still waited for, because their answers may have come.
  const lost = Effect.suspend(() => {
    progress.lost = true
    return Cause.done()
  })
  const guarded = Stream.fromPull(
    Effect.map(Stream.toPull(input), (pull) => Effect.raceFirst(pull, Effect.andThen(connection.closed, lost)))
  )

  // The end of the input also ends a last line without a newline.
  const lastNewline = Stream.suspend(() => (reader.pending > 0 && !progress.lost ? Stream.make(NEWLINE) : Stream.empty))

  const last = yield* Stream.concat(guarded, lastNewline).pipe(
    Stream.flatMap((chunk) => Stream.fromIterable(decode(chunk))),
    Stream.takeUntil((requests) => requests.some(isEnd)),
    Stream.mapEffect(send),
    Stream.buffer({ capacity: IN_FLIGHT }),
    Stream.mapEffect(writeOut),
    Stream.runLast,
    Effect.scoped
  )
  const end = Option.getOrUndefined(last)
  if (end?._tag === "Quit") return yield* Effect.ignore(connection.quit)
  if (end !== undefined) return yield* stop("input", "What follows is not read, as a server would not read it.")
  if (progress.lost) {
    return yield* stop("connection", connection.closedWith?.message ?? "The connection is closed.")
  }
})

const NEWLINE = new Uint8Array([0x0a])

/** Whether nothing after this request is read. */
const isEnd = (request: Request): boolean =>
  request._tag === "Quit" || (request._tag === "Malformed" && request.reason !== "syntax")

const isAnswered = (request: Request): request is AnsweredCommand =>
  request._tag !== "Quit" && request._tag !== "Malformed"
