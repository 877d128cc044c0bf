import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { DELETE, EXISTS, GET, PUT } from "../../../src/commands/Commands.ts"
import * as Command from "../../../src/domain/Command.ts"
import { BATCH_COMMANDS, CommandBatch } from "../../../src/domain/CommandBatch.ts"
import { recognise } from "../../../src/protocol/text/Recogniser.ts"
import { commandsOf } from "../../domain/Batches.ts"
import { seededRandom } from "../../engine/SeededRandom.ts"

/** The meaning of a line, read slowly and plainly and checked by the Schema; `undefined` for a malformed line. */
const bySchema = (line: string): Command.Command | undefined => {
  const text = line.endsWith("\r") ? line.slice(0, -1) : line
  const [name = "", key, value, ttl, ...rest] = text.split(/[ \t]+/).filter((word) => word !== "")
  const tag = { PUT: "Put", GET: "Get", DELETE: "Delete", EXISTS: "Exists", QUIT: "Quit" }[name.toUpperCase()]
  if (tag === undefined || rest.length > 0) return undefined
  if (tag === "Put" ? value === undefined : value !== undefined) return undefined
  if (tag === "Quit" ? key !== undefined : key === undefined) return undefined
  const seconds = ttl === undefined ? 0 : /^[0-9]+$/.test(ttl) ? Number(ttl) : Number.NaN
  const input =
    tag === "Put" ? { _tag: tag, key, value, ttl: seconds } : tag === "Quit" ? { _tag: tag } : { _tag: tag, key }
  return Result.getOrUndefined(Command.decode(input))
}

const { below, pick } = seededRandom(20_261_122)

// Words are cut from texts that are made once. Making each word anew would take most of the test's time.
const textOf = (first: number, count: number): string =>
  Array.from({ length: 20_000 }, () => String.fromCharCode(first + below(count))).join("")
const printables = textOf(0x21, 0x5e)
const anythings = textOf(0, 256)

const cut = (text: string, length: number): string => {
  const start = below(text.length - length)
  return text.slice(start, start + length)
}

const aLength = (): number => pick([1, 1, 2, 3, 8, 16, 20, 64, 64, 255, 256, 256, 257, 300])

const aTtl = (): string =>
  pick([
    "0",
    "1",
    "60",
    "007",
    "2147483647",
    "2147483648",
    "999999999",
    "9999999999",
    "00000000001",
    "-1",
    "+5",
    "1e3",
    ""
  ])

const aWord = (): string => (below(25) === 0 ? cut(anythings, aLength()) : cut(printables, aLength()))

const aName = (): string => (below(3) > 0 ? pick(["PUT", "PUT", "GET", "get"]) : anyName())

const anyName = (): string =>
  pick([
    "PUT",
    "GET",
    "DELETE",
    "EXISTS",
    "QUIT",
    "put",
    "get",
    "delete",
    "exists",
    "Put",
    "gEt",
    "POST",
    "GETS",
    "PU",
    ""
  ])

const aBlank = (): string => (below(25) === 0 ? pick(["  ", "\t", " \t ", "", "\u00a0", "\v"]) : " ")

const aLine = (): string => {
  if (below(20) === 0) return cut(anythings, below(40)).replaceAll("\n", "N")
  const words = [aName(), ...Array.from({ length: below(4) }, aWord)]
  if (below(3) === 0) words.push(aTtl())
  const line = words.map((word, index) => (index === 0 ? word : aBlank() + word)).join("")
  return (line + (below(10) === 0 ? pick(["\r", " ", "\r\r", " \r", "\0"]) : "")).replaceAll("\n", "N")
}

const buffer = Buffer.alloc(64 * 1024)
const batch = new CommandBatch()

/** The end of the recognised lines of a text, whose commands are then in `batch`. Bytes after the text are not read. */
const endOf = (text: string, offset: number): number => {
  const end = buffer.write(text, 0, "latin1")
  buffer.write("GET behind\n", end, "latin1")
  batch.begin(buffer)
  return recognise(batch, offset, end)
}

const recognised = (): ReadonlyArray<unknown> => commandsOf(batch)

const tags: ReadonlyMap<number, string> = new Map([
  [PUT, "Put"],
  [GET, "Get"],
  [DELETE, "Delete"],
  [EXISTS, "Exists"]
])

/** The only command of the batch as text. It is read without the Schema, which is slow for a million commands. */
const textOfBatch = (): string => {
  const words = Array.from({ length: batch.argc(0) }, (_, argument) => batch.text(0, argument))
  if (batch.id(0) === PUT) words[2] = String(Number(words[2] ?? 0))
  return [tags.get(batch.id(0)), ...words].join(" ")
}

const textOfCommand = (command: Command.Command | undefined): string => Object.values(command ?? {}).join(" ")

describe("Recogniser", () => {
  it("accepts only what the Schema accepts, with the same meaning: a million lines", () => {
    let recognised = 0
    let left = 0
    for (let i = 0; i < 1_000_000; i++) {
      const line = aLine()
      const before = "x".repeat(i % 3)
      const end = endOf(`${before}${line}\n`, before.length)
      if (batch.count === 0) {
        if (end !== before.length) assert.fail(`nothing was recognised, up to ${end}: ${line}`)
        left++
        continue
      }
      recognised++
      // A deepStrictEqual for each of a million lines would take most of a minute.
      const expected = bySchema(line)
      if (textOfBatch() !== textOfCommand(expected))
        assert.deepStrictEqual(commandsOf(batch), expected === undefined ? [] : [expected], line)
      if (end !== before.length + line.length + 1) assert.fail(`ends at ${end}: ${line}`)
    }
    assert.isAbove(recognised, 100_000)
    assert.isAbove(left, 100_000)
  })

  it.each([
    "PUT key value",
    "put key value 60",
    `PUT ${"k".repeat(256)} ${"v".repeat(256)} 999999999`,
    "GET !\r",
    "get ~",
    "EXISTS a",
    "exists a",
    "DELETE a",
    "delete a\r"
  ])("takes what clients send: %j", (line) => {
    assert.isDefined(bySchema(line))
    assert.strictEqual(endOf(`${line}\n`, 0), line.length + 1)
    assert.deepStrictEqual(recognised(), [bySchema(line)])
  })

  it.each(["GET a", "GET a\r", "PUT a b", "PUT a b 1", "PUT a ", "PUT", "", "G"])(
    "takes no line that is not whole: %j",
    (text) => {
      assert.strictEqual(endOf(text, 0), 0)
      assert.strictEqual(batch.count, 0)
    }
  )

  it("takes lines up to the first that it does not recognise, and continues after it", () => {
    const known = "GET a\nPUT b c\r\nEXISTS d\n"
    assert.strictEqual(endOf(`${known}Get e\nDELETE f\n`, 0), known.length)
    assert.deepStrictEqual(
      recognised(),
      ["GET a", "PUT b c", "EXISTS d"].map((line) => bySchema(line))
    )
    assert.strictEqual(endOf(`${known}Get e\nDELETE f\n`, known.length), known.length)
    assert.strictEqual(endOf(`${known}Get e\nDELETE f\n`, known.length + 6), known.length + 15)
    assert.deepStrictEqual(recognised(), [bySchema("DELETE f")])
  })

  it("takes as many as a batch has room for", () => {
    const lines = "GET a\n".repeat(BATCH_COMMANDS + 5)
    assert.strictEqual(endOf(lines, 0), BATCH_COMMANDS * 6)
    assert.strictEqual(batch.count, BATCH_COMMANDS)
    assert.strictEqual(endOf(lines, BATCH_COMMANDS * 6), lines.length)
    assert.strictEqual(batch.count, 5)
  })

  it("finds every unprintable byte at every place in a word", () => {
    for (let length = 1; length <= 12; length++) {
      for (let at = 0; at < length; at++) {
        for (let byte = 0; byte < 256; byte++) {
          // These two end a line.
          if (byte === 0x0a || byte === 0x0d) continue
          const word = `${"k".repeat(at)}${String.fromCharCode(byte)}${"k".repeat(length - at - 1)}`
          const isPrintable = byte >= 0x21 && byte <= 0x7e
          endOf(`GET ${word}\n`, 0)
          if (isPrintable !== (batch.count === 1)) assert.fail(`${byte} at ${at} of ${length}`)
        }
      }
    }
  })
})
