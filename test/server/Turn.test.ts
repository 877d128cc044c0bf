/** The turn against each connection for itself: whatever is read when, and whoever is blocked, all get the same answers. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { CommandBatch } from "../../src/domain/CommandBatch.ts"
import * as Reply from "../../src/domain/Reply.ts"
import type { ReplyWriter, Request } from "../../src/protocol/Protocol.ts"
import { textProtocol } from "../../src/protocol/text/TextProtocol.ts"
import { type Reader, Turn } from "../../src/server/Turn.ts"
import { Store, type StoreService } from "../../src/store/Store.ts"
import { seededRandom, type SeededRandom } from "../store/SeededRandom.ts"

type UnsafeStore = StoreService["unsafe"]

/** The reply to a request that was not recognised, if it has one. */
const replyTo = (request: Request, store: UnsafeStore, now: number): Reply.Reply | undefined => {
  if (request._tag === "Quit" || request._tag === "Clock" || request._tag === "Stats") return undefined
  return request._tag === "Malformed" ? Reply.failed(request.message) : store.execute(request, now)
}

const endsInput = (request: Request): boolean =>
  request._tag === "Quit" || (request._tag === "Malformed" && request.reason !== "syntax")

/** A connection without a socket: keeps what it would write, and is blocked as often as it is told. */
class KeepingReader implements Reader {
  output = ""
  writes = 0
  isBlocked = false
  hasEnded = false
  putOffBytes = Buffer.alloc(0)
  private readonly decoder = textProtocol.makeRequestDecoder()
  private readonly store: UnsafeStore
  private readonly replies: ReplyWriter
  private readonly blocks: () => boolean

  constructor(store: UnsafeStore, replies: ReplyWriter, blocks: () => boolean = () => false) {
    this.store = store
    this.replies = replies
    this.blocks = blocks
  }

  get isReady(): boolean {
    return !this.isBlocked && !this.hasEnded
  }

  recognise(commands: CommandBatch, offset: number, end: number): number {
    if (!this.isReady) assert.fail("bytes of a reader that is not ready were recognised")
    return this.decoder.recognise(commands, offset, end)
  }

  answer(): void {
    if (this.replies.length === 0) return
    this.output += this.replies.take().toString("latin1")
    this.writes++
    this.isBlocked = this.blocks()
  }

  executeNext(text: string, offset: number, now: number): number {
    if (!this.isReady) assert.fail("a request of a reader that is not ready was executed")
    const requests: Array<Request> = []
    const next = this.decoder.decode(text, offset, requests, 1)
    for (const request of requests) {
      this.hasEnded = endsInput(request)
      const reply = replyTo(request, this.store, now)
      if (reply !== undefined) this.replies.add(reply)
      if (this.hasEnded) this.answer()
    }
    return next
  }

  putOff(bytes: Buffer): void {
    if (!this.hasEnded) this.putOffBytes = Buffer.concat([this.putOffBytes, bytes])
  }
}

const makeTurn = Effect.gen(function* () {
  const context = yield* Layer.build(Store.layerMemory({ maxKeys: 1_000_000 }))
  const { unsafe: store } = Context.get(context, Store)
  const replies = textProtocol.makeReplyWriter()
  const tasks: Array<() => void> = []
  const turn = new Turn(store, replies, (task) => void tasks.push(task))
  return { store, replies, tasks, turn }
})

/** Lines of one client: its keys are its own, so what others do changes none of its answers. */
const linesOf = (client: number, random: SeededRandom, count: number): string => {
  const anyLine = (): string => {
    const key = `client${client}:${random.below(50)}`
    const value = "v".repeat(1 + random.below(random.pick([3, 70, 256])))
    if (random.chance(0.02))
      return random.pick(["", "nonsense", "GET", "PUT a", `EXISTS ${"k".repeat(300)}`, "\x00\xff"])
    if (random.chance(0.05)) return random.pick([`gEt  ${key}`, `Put ${key}\t${value} `, ` DELETE ${key}`])
    if (random.chance(0.5)) return `PUT ${key} ${value}${random.pick(["", "", " 60", "\r"])}`
    return `${random.pick(["GET", "get", "EXISTS", "DELETE"])} ${key}`
  }
  return Array.from({ length: count }, () => `${anyLine()}\n`).join("")
}

/** What one client is answered, all by itself, request by request. */
const answersTo = (text: string, store: UnsafeStore): string => {
  const decoder = textProtocol.makeRequestDecoder()
  const requests: Array<Request> = []
  decoder.decode(text, 0, requests, Number.POSITIVE_INFINITY)
  return requests
    .map((request) => replyTo(request, store, 0))
    .map((reply) => (reply === undefined ? "" : textProtocol.encodeReply(reply)))
    .join("")
}

describe("Turn", () => {
  it.effect.each([
    { what: "few readers", clients: 2, blocks: 0, longestRead: 3000 },
    { what: "many readers", clients: 60, blocks: 0, longestRead: 2000 },
    { what: "readers that are blocked now and then", clients: 12, blocks: 0.2, longestRead: 6000 },
    { what: "reads of all lengths", clients: 5, blocks: 0.05, longestRead: 400_000 },
    { what: "reads of single bytes", clients: 8, blocks: 0.05, longestRead: 3 }
  ])("answers each reader as if it were alone, with $what", ({ blocks, clients, longestRead }) =>
    Effect.gen(function* () {
      const random = seededRandom(clients + longestRead)
      const { replies, store, tasks, turn } = yield* makeTurn
      const { store: otherStore } = yield* makeTurn
      const lines = Math.min(12_000, longestRead * 20)
      const all = Array.from({ length: clients }, (_, client) => {
        // Some quit in the midst of it: nothing behind that is executed.
        const text = linesOf(client, random, Math.ceil(lines / clients))
        const quitting = random.chance(0.3) ? `${text}QUIT\n${text}` : text
        return {
          reader: new KeepingReader(store, replies, () => random.chance(blocks)),
          text: quitting,
          bytes: Buffer.from(quitting, "latin1"),
          sent: 0
        }
      })
      const finish = (): void => {
        turn.run()
        assert.strictEqual(replies.length, 0)
      }
      while (all.some(({ bytes, reader, sent }) => sent < bytes.length || reader.putOffBytes.length > 0)) {
        const client = all[random.below(all.length)] ?? assert.fail("there is nobody")
        const { bytes, reader, sent } = client
        if (reader.isBlocked) {
          reader.isBlocked = false
          const rest = reader.putOffBytes
          reader.putOffBytes = Buffer.alloc(0)
          turn.add(reader, rest, rest.length)
          finish()
        } else if (sent < bytes.length) {
          const chunk = Buffer.from(bytes.subarray(sent, sent + 1 + random.below(longestRead)))
          turn.add(reader, chunk, chunk.length)
          // What was read is the turn's own by now.
          chunk.fill("X")
          client.sent += chunk.length
        }
        // A reader that is blocked is not read from, so the turn is over before the next one.
        if (random.chance(0.1) || all.some(({ reader: each }) => each.isBlocked)) {
          for (const task of tasks.splice(0)) task()
          finish()
        }
      }
      finish()
      for (const { reader, text } of all) {
        assert.strictEqual(reader.output, answersTo(text, otherStore))
      }
    })
  )

  it.effect("executes nothing before the reads are over, and asks for that once a turn", () =>
    Effect.gen(function* () {
      const { replies, store, tasks, turn } = yield* makeTurn
      const one = new KeepingReader(store, replies)
      const other = new KeepingReader(store, replies)
      const add = (reader: Reader, text: string): void => turn.add(reader, Buffer.from(text), text.length)
      for (const round of [1, 2]) {
        add(one, "EXISTS a\nPUT a 1\n")
        add(other, "GET b\nGET a\n")
        add(one, "GET a\n")
        assert.strictEqual(tasks.length, 1)
        assert.strictEqual(one.writes, (round - 1) * 2)
        for (const task of tasks.splice(0)) task()
        assert.strictEqual(
          one.output,
          round === 1 ? "OK 0\nOK stored\nOK 1\n" : "OK 0\nOK stored\nOK 1\nOK 1\nOK stored\nOK 1\n"
        )
        assert.strictEqual(other.output, "ERROR key not found\nOK 1\n".repeat(round))
      }
    })
  )

  it.effect("executes a large read at once, and what was read before it", () =>
    Effect.gen(function* () {
      const { replies, store, turn } = yield* makeTurn
      const one = new KeepingReader(store, replies)
      const other = new KeepingReader(store, replies, () => true)
      turn.add(one, Buffer.from("PUT a 1\n"), 8)
      const large = Buffer.from("GET a\n".repeat(11_000))
      turn.add(other, large, 64 * 1024 - 1)
      assert.strictEqual(one.writes, 0)
      turn.add(other, large, 64 * 1024)
      assert.strictEqual(one.output, "OK stored\n")
      // Whoever does not take what was asked for is known before more is read.
      assert.isTrue(other.isBlocked)
      assert.isAbove(other.putOffBytes.length, 64 * 1024)
    })
  )

  it.effect("answers what one reader has sent at once with one write", () =>
    Effect.gen(function* () {
      const { replies, store, turn } = yield* makeTurn
      const reader = new KeepingReader(store, replies)
      const send = (text: string): void => {
        turn.add(reader, Buffer.from(text), text.length)
        turn.run()
      }
      // The first line goes the long way, the others do not.
      send(`PUT a 1\n${"GET a\n".repeat(200)}`)
      assert.strictEqual(reader.writes, 1)
      send("Get a\ngEt a\n\nPUT b 2\nGET b\n")
      assert.strictEqual(reader.writes, 2)
      assert.strictEqual(reader.output.split("\n").length - 1, 206)
    })
  )

  it.effect("puts off what a reader has sent that is blocked by an answer in the same turn, and loses none of it", () =>
    Effect.gen(function* () {
      const { replies, store, turn } = yield* makeTurn
      let isBlocking = true
      const reader = new KeepingReader(store, replies, () => isBlocking)
      const other = new KeepingReader(store, replies)
      const add = (to: Reader, text: string): void => turn.add(to, Buffer.from(text), text.length)
      add(reader, "PUT a 1\n")
      turn.run()
      reader.isBlocked = false
      const many = "GET a\n".repeat(300)
      add(reader, "GET a\n")
      add(other, "EXISTS a\n")
      add(reader, `EXISTS a\n${many}GE`)
      add(reader, "T a\nDELETE a\n")
      turn.run()
      assert.strictEqual(reader.output, "OK stored\nOK 1\n")
      assert.strictEqual(other.output, "OK 1\n")
      assert.strictEqual(reader.putOffBytes.toString(), `EXISTS a\n${many}GET a\nDELETE a\n`)
      isBlocking = false
      reader.isBlocked = false
      turn.add(reader, reader.putOffBytes, reader.putOffBytes.length)
      turn.run()
      assert.strictEqual(reader.output, `OK stored\n${"OK 1\n".repeat(303)}OK deleted\n`)
    })
  )

  it.effect("is not run again by what it runs", () =>
    Effect.gen(function* () {
      const { replies, store, turn } = yield* makeTurn
      const reader = new KeepingReader(store, replies, () => {
        turn.run()
        return false
      })
      turn.add(reader, Buffer.from("PUT a 1\nGET a\n"), 14)
      turn.run()
      assert.strictEqual(reader.output, "OK stored\nOK 1\n")
    })
  )
})
