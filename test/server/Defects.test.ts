/** What throws is one connection's trouble, at whatever stage it does: nobody else's, and not the server's. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import type { CommandBatch } from "../../src/domain/CommandBatch.ts"
import { Protocol, type ProtocolService } from "../../src/protocol/Protocol.ts"
import { textProtocol } from "../../src/protocol/text/TextProtocol.ts"
import { TextReplyWriter } from "../../src/protocol/text/ReplyWriter.ts"
import { CurrentFaults, Faults } from "../../src/server/Faults.ts"
import type { Executor, ExecutorService } from "../../src/store/Executor.ts"
import { CurrentCrash } from "../../src/store/Defects.ts"
import { MemoryEngine } from "../../src/store/MemoryEngine.ts"
import { Store } from "../../src/store/Store.ts"
import * as Executors from "./Executors.ts"
import * as TestServer from "./TestServer.ts"

const BAD = "bad"

const isBad = (commands: CommandBatch, command: number): boolean => commands.keyText(command) === BAD

/** An executor of which some part throws, or dies, where the key is a bad one. */
const wrapped = (make: (executor: ExecutorService) => Partial<ExecutorService>): Layer.Layer<Executor> =>
  Executors.over((executor) => Effect.succeed(make(executor)))

const sound = wrapped(() => ({}))

const onBad = (fail: () => Effect.Effect<void> | undefined): Layer.Layer<Executor> =>
  wrapped((executor) => ({
    execute: (commands, from, to, now, caller, sink) => {
      for (let command = from; command < to; command++) {
        if (isBad(commands, command)) {
          sink.begin()
          sink.simple("half a reply")
          return fail()
        }
        executor.execute(commands, command, command + 1, now, caller, sink)
      }
      return undefined
    }
  }))

const broken = (): never => {
  throw new Error("broken on purpose")
}

const protocolWith = (protocol: Partial<ProtocolService>): Layer.Layer<Protocol> =>
  Layer.succeed(Protocol, { ...textProtocol, ...protocol })

class BrokenWriter extends TextReplyWriter {
  override integer(value: number | bigint): void {
    super.simple("half a reply")
    if (value === 1) broken()
  }
}

const throwingFaults = (): Faults => {
  const faults = new Faults(1)
  faults.set({ kind: "delay", millis: 0, keys: (key) => (key === BAD ? broken() : false) })
  return faults
}

interface Case {
  readonly stage: string
  readonly executor?: Layer.Layer<Executor>
  readonly protocol?: Layer.Layer<Protocol>
  readonly faults?: () => Faults
}

const cases: ReadonlyArray<Case> = [
  {
    stage: "a decoder",
    protocol: protocolWith({
      makeRequestDecoder: () => {
        const decoder = textProtocol.makeRequestDecoder()
        return {
          needed: 0,
          restrict: (isStranger) => decoder.restrict(isStranger),
          decode: (commands, offset, end) => {
            const bad = commands.bytes.indexOf(`PUT ${BAD}`, offset, "latin1")
            if (bad === -1 || bad >= end) return decoder.decode(commands, offset, end)
            decoder.decode(commands, offset, bad)
            return broken()
          }
        }
      }
    })
  },
  {
    stage: "an executor that prepares",
    executor: wrapped((executor) => ({
      prepare: (commands) => {
        for (let command = 0; command < commands.count; command++) if (isBad(commands, command)) broken()
        executor.prepare(commands)
      }
    }))
  },
  { stage: "an executor", executor: onBad(broken) },
  {
    stage: "an executor that dies later",
    executor: onBad(() => Effect.andThen(Effect.yieldNow, Effect.die("broken")))
  },
  { stage: "an executor that is interrupted", executor: onBad(() => Effect.interrupt) },
  { stage: "a fault's predicate", faults: throwingFaults }
]

const start = Effect.fnUntraced(function* ({ executor, faults, protocol }: Case) {
  return yield* TestServer.start({ executor: executor ?? sound, protocol, inTurns: true }).pipe(
    Effect.provideService(CurrentFaults, faults?.())
  )
})

describe("what throws", () => {
  it.effect.each(cases)("in $stage costs its connection, which gets the replies before it, and nobody else", (where) =>
    Effect.gen(function* () {
      const server = yield* start(where)
      const one = yield* server.connect()
      const two = yield* server.connect()
      for (const other of [one, two]) assert.strictEqual(yield* other.ask("PUT a 1\n"), "OK stored\n")
      for (const round of [1, 2, 3]) {
        const bad = yield* server.connect()
        assert.strictEqual(yield* bad.ask("GET a\n"), "OK 1\n")
        // In one turn with what the others ask.
        yield* one.send("GET a\nPUT b 2\n")
        yield* bad.send(`GET a\nPUT ${BAD} 1\nDELETE a\n`)
        yield* two.send("GET a\nEXISTS x\n")
        const { reset, text } = yield* bad.untilEnd
        assert.isFalse(reset)
        // What cannot be prepared is not executed at all.
        assert.include(where.stage.endsWith("prepares") ? ["", "OK 1\n"] : ["OK 1\n"], text)
        assert.strictEqual(yield* one.lines(2), "OK 1\nOK stored\n")
        assert.strictEqual(yield* two.lines(2), "OK 1\nOK 0\n")
        assert.strictEqual((yield* server.stats).defects, round)
      }
      const later = yield* server.connect()
      assert.strictEqual(yield* later.ask("GET a\n"), "OK 1\n")
      assert.match(yield* later.ask("STATS\n"), / defects=3\n$/)
      assert.strictEqual(server.logs.startingWith("a connection is closed because of a bug in kv-cache").length, 3)
    })
  )

  it.effect("in a writer leaves nothing of what it had written", () =>
    Effect.gen(function* () {
      const server = yield* start({
        stage: "a writer",
        protocol: protocolWith({ makeReplyWriter: () => new BrokenWriter() })
      })
      const other = yield* server.connect()
      const bad = yield* server.connect()
      assert.strictEqual(yield* other.ask("PUT a 1\n"), "OK stored\n")
      yield* bad.send("GET a\nEXISTS a\nGET a\n")
      assert.deepStrictEqual(yield* bad.untilEnd, { text: "OK 1\n", reset: false })
      assert.strictEqual(yield* other.ask("GET a\n"), "OK 1\n")
      assert.strictEqual((yield* server.stats).defects, 1)
    })
  )

  it.effect("many times in one turn is counted as often, and all others are answered", () =>
    Effect.gen(function* () {
      const server = yield* start({ stage: "an executor", executor: onBad(broken) })
      const clients = yield* Effect.forEach(
        Array.from({ length: 40 }, (_, i) => i),
        () => server.connect()
      )
      for (const client of clients) yield* client.ask("EXISTS a\n")
      for (const [i, client] of clients.entries()) yield* client.send(i % 2 === 0 ? `GET ${BAD}\n` : "EXISTS a\n")
      for (const [i, client] of clients.entries()) {
        if (i % 2 === 0) assert.deepStrictEqual(yield* client.untilEnd, { text: "", reset: false })
        else assert.strictEqual(yield* client.lines(1), "OK 0\n")
      }
      assert.strictEqual((yield* server.stats).defects, 20)
    })
  )

  it.effect("does not keep a server from its end", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const server = yield* Effect.provideService(
        start({ stage: "an executor", executor: onBad(broken) }),
        Scope.Scope,
        scope
      )
      const bad = yield* server.connect()
      yield* bad.send(`GET ${BAD}\n`)
      yield* bad.untilEnd
      yield* Scope.close(scope, Exit.void)
      assert.deepInclude(yield* server.stats, { open: 0, defects: 1 })
    })
  )
})

/** Throws in the midst of the removal of an entry, and a second key needs one. */
const halfChanging = Layer.effectDiscard(
  Effect.map(MemoryEngine, ({ engine }) => {
    const recency: unknown = Reflect.get(engine, "recency")
    assert.isTrue(Predicate.isObject(recency) && Reflect.set(recency, "remove", broken))
  })
).pipe(Layer.provideMerge(Store.layerMemory({ maxKeys: 1 })))

const collecting = () => {
  const crashes: Array<Error> = []
  return { crashes, layer: Layer.succeed(CurrentCrash, (error) => void crashes.push(error)) }
}

describe("what throws in the midst of a change", () => {
  it.effect("ends the process, with the cause, and nobody is answered from what is left", () =>
    Effect.gen(function* () {
      const { crashes, layer } = collecting()
      const executor = Layer.provide(halfChanging, layer)
      const server = yield* TestServer.start({ executor, inTurns: true })
      const [bad, other] = [yield* server.connect(), yield* server.connect()]
      assert.strictEqual(yield* bad.ask("PUT a 1\n"), "OK stored\n")
      yield* bad.send("PUT b 2\n")
      assert.strictEqual((yield* bad.untilEnd).text, "")
      assert.strictEqual(crashes.length, 1)
      assert.include(String(crashes[0]?.cause), "broken on purpose")
      yield* other.send("GET a\n")
      assert.strictEqual((yield* other.untilEnd).text, "")
      assert.strictEqual(crashes.length, 1)
    })
  )

  it.effect("ends it where a sweep throws, too, which is counted as a defect", () =>
    Effect.gen(function* () {
      const { crashes, layer } = collecting()
      const executor = Layer.provide(halfChanging, layer)
      const server = yield* TestServer.start({ executor, expireInterval: "1 second" })
      const client = yield* server.connect()
      assert.strictEqual(yield* client.ask("PUT a 1 1\n"), "OK stored\n")
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* server.stats).defects, 1)
      assert.strictEqual(crashes.length, 1)
      assert.include(String(crashes[0]?.cause), "broken on purpose")
      assert.strictEqual(server.logs.startingWith("a sweep of expired keys failed").length, 1)
    })
  )
})
