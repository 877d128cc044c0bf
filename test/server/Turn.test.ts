/** The turn against each connection for itself: whatever is read when, and whoever is blocked, all get the same answers. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { commands as table, QUIT } from "../../src/commands/Commands.ts"
import { BATCH_COMMANDS, CommandBatch } from "../../src/domain/CommandBatch.ts"
import { ERR } from "../../src/domain/Reply.ts"
import type { ReplyWriter, RequestDecoder } from "../../src/protocol/Protocol.ts"
import { RespReplyWriter } from "../../src/protocol/resp/RespReplyWriter.ts"
import { RespRequestDecoder } from "../../src/protocol/resp/RespRequestDecoder.ts"
import { textProtocol } from "../../src/protocol/text/TextProtocol.ts"
import { Backlog } from "../../src/server/Backlog.ts"
import { ClientMemory } from "../../src/server/ClientMemory.ts"
import { SharedWriter } from "../../src/server/SharedWriter.ts"
import { type Reader, SHARES, Turn } from "../../src/server/Turn.ts"
import { Executor, type ExecutorService } from "../../src/store/Executor.ts"
import { Store } from "../../src/store/Store.ts"
import { seededRandom, type SeededRandom } from "../engine/SeededRandom.ts"

/** A connection without a socket: keeps what it would write, and is blocked as often as it is told. */
class KeepingReader implements Reader {
  lastTurn = 0
  readonly backlog = new Backlog(new ClientMemory(1e9), {
    heldBytes: 0,
    isKept: false,
    closeForMemory: () => assert.fail("too much is held")
  })
  readonly writer: SharedWriter
  readonly isStepped: boolean
  readonly delay = () => undefined
  readonly caller = { database: 0 }
  room = BATCH_COMMANDS
  output = ""
  writes = 0
  isBlocked = false
  hasEnded = false
  defects: Array<unknown> = []
  private readonly decoder: RequestDecoder
  private readonly blocks: () => boolean

  constructor(
    writer: SharedWriter,
    blocks: () => boolean = () => false,
    isStepped = false,
    decoder = textProtocol.makeRequestDecoder()
  ) {
    this.decoder = decoder
    this.writer = writer
    this.blocks = blocks
    this.isStepped = isStepped
  }

  get isReady(): boolean {
    return !this.isBlocked && !this.hasEnded
  }

  get isOpen(): boolean {
    return !this.hasEnded
  }

  rangeEnd(_commands: CommandBatch, _from: number, to: number): number {
    return to
  }

  decode(commands: CommandBatch, offset: number, end: number): number {
    if (!this.isReady) assert.fail("bytes of a reader that is not ready were decoded")
    return this.decoder.decode(commands, offset, end)
  }

  get needed(): number {
    return this.decoder.needed
  }

  answer(_commands: CommandBatch, from: number, to: number, _now: number, replies: ReplyWriter): undefined {
    if (!this.isOpen) assert.fail("a request of a reader that has ended was executed")
    if (replies.length === 0) assert.fail("there is nothing to answer")
    if (this.isStepped) assert.strictEqual(to, from + 1)
    this.take(replies)
    this.isBlocked ||= this.blocks()
  }

  performs(commands: CommandBatch, command: number): boolean {
    return table[commands.id(command)]?.execute === undefined
  }

  perform(commands: CommandBatch, command: number): undefined {
    if (this.hasEnded) assert.fail("a request of a reader that has ended was performed")
    this.hasEnded = true
    this.backlog.clear()
    if (commands.id(command) === QUIT) return
    this.writer.current.error(ERR, commands.message(command))
    this.take(this.writer.current)
  }

  wait(_work: Effect.Effect<void>, _replies: ReplyWriter, _then: () => void): void {
    assert.fail("nothing is waited for")
  }

  fail(defect: unknown): void {
    this.defects.push(defect)
    this.writer.current.rewind()
    this.take(this.writer.current)
    this.hasEnded = true
    this.backlog.clear()
  }

  shares = 0

  readOn(): void {
    this.shares++
  }

  /** Executes what it has kept once it is not blocked any more. */
  unblock(turn: Turn): void {
    this.isBlocked = false
    turn.runFor(this)
  }

  private take(replies: ReplyWriter): void {
    if (replies.length === 0) return
    this.output += replies.take().toString("latin1")
    this.writes++
  }
}

/** Waits for what is said to be waited for, until it is told that it is done. */
class WaitingReader extends KeepingReader {
  done: () => void = () => assert.fail("nothing is waited for")

  override wait(work: Effect.Effect<void>, _replies: ReplyWriter, then: () => void): void {
    this.isBlocked = true
    this.done = () => {
      Effect.runSync(work)
      this.isBlocked = false
      then()
    }
  }
}

const makeTurn = Effect.gen(function* () {
  const context = yield* Layer.build(Store.layerMemory({ maxKeys: 1_000_000 }))
  const executor = Context.get(context, Executor)
  const writer = new SharedWriter(textProtocol.makeReplyWriter)
  const tasks: Array<() => void> = []
  const turn = new Turn(executor, { now: () => 0, afterReads: (task) => void tasks.push(task) })
  return { executor, writer, tasks, turn }
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
const answersTo = (text: string, executor: ExecutorService): string => {
  const decoder = textProtocol.makeRequestDecoder()
  const replies = textProtocol.makeReplyWriter()
  const commands = new CommandBatch()
  const bytes = Buffer.from(text, "latin1")
  let answers = ""
  for (let offset = 0; ;) {
    commands.begin(bytes, 1)
    offset = decoder.decode(commands, offset, bytes.length)
    if (commands.count === 0) return answers
    if (commands.isStopped) {
      if (commands.id(0) !== QUIT) replies.error(ERR, commands.message(0))
    } else {
      executor.prepare(commands)
      executor.execute(commands, 0, 1, 0, { database: 0 }, replies)
    }
    answers += replies.take().toString("latin1")
  }
}

describe("Turn", () => {
  it.effect.each([
    { what: "few readers", clients: 2, blocks: 0, longestRead: 3000 },
    { what: "many readers", clients: 60, blocks: 0, longestRead: 2000 },
    { what: "readers that are blocked now and then", clients: 12, blocks: 0.2, longestRead: 6000 },
    { what: "reads of all lengths", clients: 5, blocks: 0.05, longestRead: 400_000 },
    { what: "reads of single bytes", clients: 8, blocks: 0.05, longestRead: 3 },
    { what: "commands executed one by one", clients: 6, blocks: 0.05, longestRead: 500, isStepped: true }
  ])("answers each reader as if it were alone, with $what", ({ blocks, clients, longestRead, isStepped }) =>
    Effect.gen(function* () {
      const random = seededRandom(clients + longestRead)
      const { writer, tasks, turn } = yield* makeTurn
      const { executor: other } = yield* makeTurn
      const lines = Math.min(12_000, longestRead * 20)
      const all = Array.from({ length: clients }, (_, client) => {
        // Some quit in the midst of it: nothing behind that is executed.
        const text = linesOf(client, random, Math.ceil(lines / clients))
        const quitting = random.chance(0.3) ? `${text}QUIT\n${text}` : text
        return {
          reader: new KeepingReader(writer, () => random.chance(blocks), isStepped),
          text: quitting,
          bytes: Buffer.from(quitting, "latin1"),
          sent: 0
        }
      })
      const finish = (): void => {
        turn.run()
        assert.strictEqual(writer.current.length, 0)
      }
      while (
        all.some(({ bytes, reader, sent }) => sent < bytes.length || (reader.isBlocked && reader.backlog.length > 0))
      ) {
        const client = all[random.below(all.length)] ?? assert.fail("there is nobody")
        const { bytes, reader, sent } = client
        if (reader.isBlocked) {
          reader.unblock(turn)
          finish()
        } else if (sent < bytes.length) {
          const chunk = Buffer.from(bytes.subarray(sent, sent + 1 + random.below(longestRead)))
          reader.room = random.chance(0.5) ? 1 + random.below(5) : BATCH_COMMANDS
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
        assert.strictEqual(reader.output, answersTo(text, other))
      }
    })
  )

  it.effect("executes no more of a reader that is blocked than it has room for, and others as ever", () =>
    Effect.gen(function* () {
      const { writer, tasks, turn } = yield* makeTurn
      const one = new KeepingReader(writer, () => true)
      const other = new KeepingReader(writer)
      one.room = 2
      for (const reader of [one, other]) turn.add(reader, Buffer.from("EXISTS a\n".repeat(5)), 45)
      for (const task of tasks.splice(0)) task()
      assert.strictEqual(one.output, "OK 0\n".repeat(2))
      assert.strictEqual(one.backlog.length, 27)
      assert.strictEqual(other.output, "OK 0\n".repeat(5))
      assert.strictEqual(other.writes, 1)
      one.unblock(turn)
      assert.strictEqual(one.output, "OK 0\n".repeat(4))
      one.room = BATCH_COMMANDS
      one.unblock(turn)
      assert.strictEqual(one.output, "OK 0\n".repeat(5))
      assert.strictEqual(one.backlog.length, 0)
    })
  )

  it.effect("executes nothing before the reads are over, and asks for that once a turn", () =>
    Effect.gen(function* () {
      const { writer, tasks, turn } = yield* makeTurn
      const one = new KeepingReader(writer)
      const other = new KeepingReader(writer)
      const add = (reader: Reader, text: string): void => turn.add(reader, Buffer.from(text), text.length)
      for (const round of [1, 2]) {
        add(one, "EXISTS a\nPUT a 1\n")
        add(one, "GET a\n")
        add(other, "GET b\nGET a\n")
        assert.strictEqual(tasks.length, 1)
        assert.strictEqual(one.writes, round - 1)
        for (const task of tasks.splice(0)) task()
        assert.strictEqual(
          one.output,
          round === 1 ? "OK 0\nOK stored\nOK 1\n" : "OK 0\nOK stored\nOK 1\nOK 1\nOK stored\nOK 1\n"
        )
        assert.strictEqual(other.output, "ERROR key not found\nOK 1\n".repeat(round))
      }
    })
  )

  it.effect("executes what it has before it takes more from a reader that others have come behind", () =>
    Effect.gen(function* () {
      const { writer, tasks, turn } = yield* makeTurn
      const one = new KeepingReader(writer)
      const other = new KeepingReader(writer)
      const add = (reader: Reader, text: string): void => turn.add(reader, Buffer.from(text), text.length)
      add(one, "PUT a 1\nGE")
      add(other, "GET a\nPU")
      assert.strictEqual(one.output, "")
      add(one, "T a\n")
      assert.deepStrictEqual([one.output, other.output], ["OK stored\n", "OK 1\n"])
      add(other, "T a 2\n")
      for (const task of tasks.splice(0)) task()
      assert.deepStrictEqual([one.output, other.output], ["OK stored\nOK 1\n", "OK 1\nOK stored\n"])
      assert.deepStrictEqual([one.backlog.length, other.backlog.length], [0, 0])
    })
  )

  it.effect("executes what is much behind the others of the turn", () =>
    Effect.gen(function* () {
      const { writer, tasks, turn } = yield* makeTurn
      const one = new KeepingReader(writer)
      const many = new KeepingReader(writer)
      const other = new KeepingReader(writer)
      const add = (reader: Reader, text: string): void => turn.add(reader, Buffer.from(text), text.length)
      add(one, "EXISTS a\n")
      add(many, `${"PUT a 1\n".repeat(5000)}GET`)
      add(other, "EXISTS a\n")
      for (const task of tasks.splice(0)) task()
      assert.deepStrictEqual([one.output, other.output], ["OK 0\n", "OK 0\n"])
      assert.strictEqual(many.output, "OK stored\n".repeat(5000))
      add(many, " a\n")
      add(many, "PUT b 1\n".repeat(5000))
      add(other, "EXISTS b\n")
      for (const task of tasks.splice(0)) task()
      // What has come before it is executed first, and it comes behind that.
      assert.strictEqual(other.output, "OK 0\nOK 1\n")
      assert.strictEqual(many.output, `${"OK stored\n".repeat(5000)}OK 1\n${"OK stored\n".repeat(5000)}`)
    })
  )

  it.effect("executes at once, where it lies, what is too much to be copied, and what was read before it", () =>
    Effect.gen(function* () {
      const { writer, turn } = yield* makeTurn
      const one = new KeepingReader(writer)
      const other = new KeepingReader(writer, () => true)
      turn.add(one, Buffer.from("PUT a 1\n"), 8)
      const large = Buffer.from("GET a\n".repeat(100_000))
      turn.add(other, large, 64 * 1024)
      assert.strictEqual(one.writes, 0)
      turn.add(other, large, large.length)
      assert.strictEqual(one.output, "OK stored\n")
      // Whoever does not take what was asked for is known before more is executed.
      assert.isTrue(other.isBlocked)
      assert.isAbove(other.backlog.length, 500_000)
    })
  )

  it.effect("executes what lies too long to be copied once, where its last byte is that of a request, too", () =>
    Effect.gen(function* () {
      const { writer, turn } = yield* makeTurn
      const reader = new KeepingReader(writer)
      const many = Buffer.from("EXISTS a\n".repeat(20_000))
      turn.add(reader, many, many.length)
      assert.strictEqual(reader.backlog.length, 0)
      turn.add(reader, Buffer.from("PUT a 1\n"), 8)
      turn.run()
      assert.isTrue(reader.output === `${"OK 0\n".repeat(20_000)}OK stored\n`)
    })
  )

  it.effect.each([
    { what: "requests that fill the turn's memory to the last byte", length: 300_000, read: 16 * 1024 },
    { what: "requests that come in many reads of one turn", length: 700_000, read: 15_001 },
    { what: "requests of a turn's memory and a little more", length: 256 * 1024, read: 4096 }
  ])("loses no byte of $what, with others in between", ({ length, read }) =>
    Effect.gen(function* () {
      const { executor, writer, tasks, turn } = yield* makeTurn
      const other = new KeepingReader(writer)
      const reader = new KeepingReader(
        new SharedWriter(() => new RespReplyWriter(2)),
        () => false,
        false,
        new RespRequestDecoder(1e6)
      )
      const value = Buffer.alloc(length, "0123456789")
      const set = Buffer.concat([
        Buffer.from(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${length}\r\n`),
        value,
        Buffer.from("\r\n")
      ])
      const requests = Buffer.concat([set, set, Buffer.from("*2\r\n$6\r\nSTRLEN\r\n$1\r\nk\r\n"), set])
      let reads = 0
      for (let at = 0; at < requests.length; at += read) {
        const chunk = Buffer.from(requests.subarray(at, at + read))
        turn.add(reader, chunk, chunk.length)
        chunk.fill("X")
        if (++reads % 7 === 0) turn.add(other, Buffer.from("GET nothing\n"), 12)
      }
      for (const task of tasks.splice(0)) task()
      assert.strictEqual(reader.output, `+OK\r\n+OK\r\n:${length}\r\n+OK\r\n`)
      assert.strictEqual(other.output, "ERROR key not found\n".repeat(Math.floor(reads / 7)))
      assert.strictEqual(reader.backlog.length, 0)
      assert.strictEqual(executor.stats().keys, 1)
    })
  )

  it.effect("answers what one reader has sent at once with one write", () =>
    Effect.gen(function* () {
      const { writer, turn } = yield* makeTurn
      const reader = new KeepingReader(writer)
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
      const { writer, turn } = yield* makeTurn
      let isBlocking = true
      const reader = new KeepingReader(writer, () => isBlocking)
      const other = new KeepingReader(writer)
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
      assert.strictEqual(
        reader.backlog.bytes.toString("latin1", reader.backlog.start, reader.backlog.end),
        `EXISTS a\n${many}GET a\nDELETE a\n`
      )
      isBlocking = false
      reader.unblock(turn)
      turn.run()
      assert.strictEqual(reader.output, `OK stored\n${"OK 1\n".repeat(303)}OK deleted\n`)
    })
  )

  it.effect("lets those that have more read on by turns, a few in each, in order", () =>
    Effect.gen(function* () {
      const { tasks, turn, writer } = yield* makeTurn
      const greedy = Array.from({ length: 2 * SHARES + 1 }, () => new KeepingReader(writer))
      const next = (): ReadonlyArray<number> => {
        assert.strictEqual(tasks.length, 1)
        for (const task of tasks.splice(0)) task()
        return greedy.map(({ shares }) => shares)
      }
      const shares = (...counts: ReadonlyArray<number>) => greedy.map((_, i) => counts[Math.floor(i / SHARES)] ?? 0)
      for (const reader of greedy) assert.isTrue(turn.readOnLater(reader))
      assert.deepStrictEqual(next(), shares(1, 0, 0))
      // One that has more again comes behind all others.
      assert.isTrue(turn.readOnLater(greedy[0] ?? assert.fail("there is nobody")))
      assert.deepStrictEqual(next(), shares(1, 1, 0))
      assert.deepStrictEqual(next(), [2, ...shares(1, 1, 1).slice(1)])
      assert.strictEqual(tasks.length, 0)
      for (const reader of greedy) turn.readOnLater(reader)
      turn.shareNoMore()
      assert.deepStrictEqual(next(), [3, ...shares(2, 2, 2).slice(1)])
      assert.isFalse(turn.readOnLater(greedy[0] ?? assert.fail("there is nobody")))
    })
  )

  it.effect("is not run again by what it runs", () =>
    Effect.gen(function* () {
      const { writer, turn } = yield* makeTurn
      const reader = new KeepingReader(writer, () => {
        turn.run()
        return false
      })
      turn.add(reader, Buffer.from("PUT a 1\nGET a\n"), 14)
      turn.run()
      assert.strictEqual(reader.output, "OK stored\nOK 1\n")
    })
  )

  it.effect("leaves commands that are waited for as they are, and uses their memory again afterwards", () =>
    Effect.gen(function* () {
      const { executor } = yield* makeTurn
      const memories = new Set<Buffer>()
      const batches = new Set<CommandBatch>()
      const late: ExecutorService["execute"] = (commands, from, to, now, caller, sink) => {
        memories.add(commands.bytes)
        batches.add(commands)
        return Effect.sync(() => void executor.execute(commands, from, to, now, caller, sink))
      }
      const slow = new Proxy(executor, { get: (it, name) => (name === "execute" ? late : Reflect.get(it, name)) })
      const turn = new Turn(slow, { now: () => 0, afterReads: () => {} })
      const writer = new SharedWriter(textProtocol.makeReplyWriter)
      const readers = Array.from({ length: 8 }, () => new WaitingReader(writer))
      const send = (reader: Reader, text: string): void => {
        turn.add(reader, Buffer.from(text), text.length)
        turn.run()
      }
      for (let round = 0; round < 20; round++) {
        // Each of them in a turn of its own, while those before it still wait.
        for (const [i, reader] of readers.entries()) send(reader, `PUT key${i} value${round}-${i}\nGET key${i}\n`)
        for (const reader of round % 2 === 0 ? readers : readers.toReversed()) reader.done()
      }
      for (const [i, { output }] of readers.entries()) {
        const answers = Array.from({ length: 20 }, (_, round) => `OK stored\nOK value${round}-${i}\n`)
        assert.strictEqual(output, answers.join(""))
      }
      // One for each that waits, and one for the turn.
      assert.strictEqual(memories.size, 9)
      assert.strictEqual(batches.size, 9)
    })
  )
})
