/**
 * A thread of a load test, as the leading thread sees it: either the leading thread itself, or a worker that runs the
 * same program. It does not drive connections: see `LoadDriver.ts`.
 *
 * One thread is enough if the server has one core too. More threads pay off on machines with cores to spare.
 */
import { Worker, parentPort, workerData } from "node:worker_threads"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { ClientError } from "../client/ClientError.ts"
import { type DriverResult, LoadDriver, type LoadPlan } from "./LoadDriver.ts"
import type { SliceRecord } from "./Recorder.ts"
import { RespWire } from "./RespWire.ts"
import { TextWire } from "./TextWire.ts"
import type { Wire } from "./Wire.ts"
import { makeVocabulary } from "./Workload.ts"

/** A thread could not do its work. The message says why. */
export class LoadThreadError extends Schema.TaggedError<LoadThreadError>()("LoadThreadError", {
  message: Schema.String
}) {}

export interface LoadThread {
  /** Opens the thread's connections and preloads its keys. */
  readonly open: Effect.Effect<void, ClientError | LoadThreadError, Scope.Scope>
  /** Runs and measures until the work is done or `stop` completes. */
  readonly run: (stop: Effect.Effect<void>) => Effect.Effect<DriverResult, LoadThreadError>
}

const makeWire = ({ credentials, protocol, ttl, workload }: LoadPlan): Wire => {
  const vocabulary = makeVocabulary(workload)
  return protocol === "text"
    ? new TextWire(vocabulary, ttl, credentials)
    : new RespWire(vocabulary, ttl, protocol === "resp2" ? 2 : 3, credentials)
}

/** The leading thread itself. */
export const local = (plan: LoadPlan, onSlice: (record: SliceRecord) => void): Effect.Effect<LoadThread> =>
  Effect.map(Clock.clockWith(Effect.succeed), (clock): LoadThread => {
    const driver = new LoadDriver(plan, makeWire(plan), clock, onSlice)
    return { open: driver.open, run: (stop) => driver.run(stop) }
  })

/** The command that a worker runs. It is not listed, because it is not for users. */
export const WORKER_COMMAND = "loadtest-worker"

type ToWorker = { readonly _tag: "Run" } | { readonly _tag: "Stop" }

type FromWorker =
  | { readonly _tag: "Open" }
  | { readonly _tag: "Failed"; readonly message: string }
  | { readonly _tag: "Slice"; readonly record: SliceRecord }
  | { readonly _tag: "Done"; readonly result: DriverResult }

/** A worker thread that runs `program`, the bundled `main.js`. */
export const worker = (
  plan: LoadPlan,
  program: URL,
  onSlice: (record: SliceRecord) => void
): Effect.Effect<LoadThread, never, Scope.Scope> =>
  Effect.gen(function* () {
    const opened = yield* Deferred.make<void, LoadThreadError>()
    const done = yield* Deferred.make<DriverResult, LoadThreadError>()
    const thread = yield* Effect.acquireRelease(
      Effect.sync(() => new Worker(program, { argv: [WORKER_COMMAND], workerData: plan })),
      (running) => Effect.promise(() => running.terminate())
    )
    const fail = (message: string): void => {
      const failure = Effect.fail(new LoadThreadError({ message }))
      Deferred.doneUnsafe(opened, failure)
      Deferred.doneUnsafe(done, failure)
    }
    thread.on("message", (message: FromWorker) => {
      switch (message._tag) {
        case "Open":
          return Deferred.doneUnsafe(opened, Effect.void)
        case "Failed":
          return fail(message.message)
        case "Slice":
          return onSlice(message.record)
        case "Done":
          return Deferred.doneUnsafe(done, Effect.succeed(message.result))
      }
    })
    thread.on("error", (error) => fail(`a load thread failed: ${error.message}`))
    thread.on("exit", (code) => fail(`a load thread ended with code ${code}`))
    const post = (message: ToWorker) => Effect.sync(() => thread.postMessage(message))
    return {
      open: Deferred.await(opened),
      run: (stop) =>
        post({ _tag: "Run" }).pipe(
          Effect.andThen(Effect.forkChild(Effect.andThen(stop, post({ _tag: "Stop" })))),
          Effect.andThen(Deferred.await(done))
        )
    }
  })

/** The worker's side of the exchange. */
export const runWorker: Effect.Effect<void> = Effect.scoped(
  Effect.gen(function* () {
    const port = parentPort
    if (port === null) return
    const post = (message: FromWorker) => port.postMessage(message)
    const started = yield* Deferred.make<void>()
    const stopped = yield* Deferred.make<void>()
    port.on("message", (message: ToWorker) =>
      Deferred.doneUnsafe(message._tag === "Run" ? started : stopped, Effect.void)
    )
    const plan: LoadPlan = workerData
    const thread = yield* local(plan, (record) => post({ _tag: "Slice", record }))
    yield* thread.open
    post({ _tag: "Open" })
    yield* Deferred.await(started)
    post({ _tag: "Done", result: yield* thread.run(Deferred.await(stopped)) })
  })
).pipe(Effect.catch((error) => Effect.sync(() => parentPort?.postMessage({ _tag: "Failed", message: error.message }))))
