/**
 * Frames that were changed at random, through the decoder and an executor: nothing throws, every command has one whole
 * reply, and nothing is held for what was only announced.
 *
 * 2 million frames, or KV_CACHE_FUZZ_FRAMES; KV_CACHE_FUZZ_SEED another sequence.
 */
import { assert, describe, it } from "@effect/vitest"
import { Alarm } from "../../../src/commands/Alarm.ts"
import { Changes } from "../../../src/commands/Changes.ts"
import { commands as table, REFUSE_AND_CLOSE } from "../../../src/commands/Commands.ts"
import { CommandBatch } from "../../../src/domain/CommandBatch.ts"
import { Engine } from "../../../src/engine/Engine.ts"
import { MemoryInsight } from "../../../src/insight/MemoryInsight.ts"
import { RespReplyWriter } from "../../../src/protocol/resp/RespReplyWriter.ts"
import { RespRequestDecoder } from "../../../src/protocol/resp/RespRequestDecoder.ts"
import { MemoryExecutor } from "../../../src/store/Executor.ts"
import { seededRandom } from "../../engine/SeededRandom.ts"
import { array } from "./Requests.ts"

const FRAMES = Number(process.env["KV_CACHE_FUZZ_FRAMES"] ?? 2_000_000)
const SEED = Number(process.env["KV_CACHE_FUZZ_SEED"] ?? 20_261_125)

/** As an assertion, which takes longer than what is checked here. */
const check = (holds: boolean, message: string): void => {
  if (!holds) assert.fail(message)
}

/** The end of the reply that begins at `at`, read plainly; it fails if there is none. */
const replyEnd = (reply: string, at: number): number => {
  const lineEnd = reply.indexOf("\r\n", at)
  check(lineEnd !== -1, `no line end in ${reply}`)
  const line = reply.slice(at + 1, lineEnd)
  const next = lineEnd + 2
  switch (reply[at]) {
    case "+":
    case "-":
      return next
    case ":":
      check(/^-?[0-9]+$/.test(line), `no integer: ${line}`)
      return next
    case "_":
      return next
    case ",":
      return next
    case "$":
    case "=":
      if (line === "-1") return next
      check(reply.startsWith("\r\n", next + Number(line)), `not ${line} bytes: ${reply}`)
      return next + Number(line) + 2
    case "*":
    case "~":
    case ">":
    case "%": {
      let end = next
      const parts = Math.max(0, Number(line)) * (reply[at] === "%" ? 2 : 1)
      for (let part = 0; part < parts; part++) end = replyEnd(reply, end)
      return end
    }
    default:
      return assert.fail(`'${reply[at]}' begins no reply`)
  }
}

/** All that a writer has, with the long values in their places. */
const taken = (writer: RespReplyWriter): string => {
  const { values } = writer
  const bytes = writer.take()
  let text = ""
  let from = 0
  for (const { at, value } of values) {
    const read = Buffer.alloc(value.remaining)
    for (let to = 0; to < read.length;) to += value.read(read, to, read.length)
    value.close()
    text += bytes.toString("latin1", from, at) + read.toString("latin1")
    from = at
  }
  return text + bytes.toString("latin1", from)
}

describe("RESP", () => {
  it(`${FRAMES} frames that were changed at random`, { timeout: 60_000 + FRAMES }, () => {
    const { below, chance, pick } = seededRandom(SEED)
    const names = table.flatMap(({ execute, flags, name, protocols }) =>
      // What flushes would leave nothing to find, and what reads the whole server takes its time.
      protocols.includes("resp") &&
      execute !== undefined &&
      (flags.includes("fast") || flags.includes("write")) &&
      !name.startsWith("FLUSH")
        ? [name.replace("|", " ").split(" ")]
        : []
    )
    const byte = (): string => String.fromCharCode(below(256))
    const aWord = (): string =>
      below(3) === 0
        ? `k${below(50)}`
        : below(3) === 0
          ? String(below(100_000))
          : Array.from({ length: below(20) }, byte).join("")
    const special = [
      "\r",
      "\n",
      "\r\n",
      "*",
      "$",
      "-",
      "0",
      "1",
      "9",
      "99999999",
      "1048576",
      '"',
      "'",
      "\\x",
      " ",
      "\0",
      "\u00ff"
    ] as const
    const mutate = (frame: string): string => {
      const at = below(frame.length + 1)
      switch (below(5)) {
        case 0:
          return frame.slice(0, at) + byte() + frame.slice(at + 1)
        case 1:
          return frame.slice(0, at) + frame.slice(at + 1 + below(4))
        case 2:
          return frame.slice(0, at) + pick(special) + frame.slice(at)
        case 3:
          return frame.slice(0, at) + pick(special) + frame.slice(at + 1)
        default:
          return frame.slice(0, at)
      }
    }
    const aFrame = (): string => {
      const name = names[below(names.length)] ?? ["GET"]
      const words = [...name, ...Array.from({ length: below(5) }, aWord)]
      let frame = below(6) === 0 ? `${words.join(" ")}\r\n` : array(...words)
      for (let changes = below(3); changes > 0; changes--) frame = mutate(frame)
      return frame
    }

    const engine = Engine.make({ maxKeys: 10_000, maxMemory: 32 * 2 ** 20 }, Buffer.from("fuzzfuzz"), 0)
    const executor = new MemoryExecutor({
      insight: new MemoryInsight(
        engine,
        {},
        () => 0,
        (now) => now
      ),
      engine,
      alarm: new Alarm(),
      changes: new Changes(),
      now: () => 0,
      micros: () => 0,
      unixTime: (now) => now
    })
    const commands = new CommandBatch()
    const writers = [new RespReplyWriter(2), new RespReplyWriter(3)] as const
    let frames = 0
    let executed = 0
    while (frames < FRAMES) {
      // A connection: frames glued to each other, read in pieces, until it ends.
      const decoder = new RespRequestDecoder(100_000)
      const writer = pick(writers)
      let rest = Buffer.alloc(0)
      let isOpen = true
      let ended = false
      for (let reads = 0; isOpen && reads < 10; reads++) {
        const count = 1 + below(4)
        frames += count
        const sent = Array.from({ length: count }, aFrame).join("")
        const arrived = chance(0.3) ? sent.slice(0, below(sent.length + 1)) : sent
        const bytes = Buffer.concat([rest, Buffer.from(arrived, "latin1")])
        if (bytes.length > 300_000) break
        let offset = 0
        do {
          commands.begin(bytes)
          const next = decoder.decode(commands, offset, bytes.length)
          check(next >= offset && next <= bytes.length, `${next} after ${offset}`)
          offset = next
          check(!ended || commands.count === 0, "a command after the end")
          executor.prepare(commands)
          for (let command = 0; command < commands.count; command++) {
            if (commands.id(command) === REFUSE_AND_CLOSE) ended = true
            if (table[commands.id(command)]?.execute === undefined) continue
            executor.execute(commands, command, command + 1, frames, { database: 0 }, writer)
            executed++
            const reply = taken(writer)
            check(replyEnd(reply, 0) === reply.length, `not one reply: ${reply}`)
          }
        } while (commands.count > 0)
        // It never asks for more than the longest string and what came before.
        if (offset < bytes.length) assert.isAtMost(decoder.needed, bytes.length + 100_000 + 2)
        rest = bytes.subarray(offset)
        if (ended) {
          assert.strictEqual(rest.length, 0)
          isOpen = chance(0.1)
        }
      }
    }
    assert.isAbove(executed, FRAMES / 10)
  })
})
