import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Command from "../../../src/domain/Command.ts"
import { Recogniser } from "../../../src/protocol/text/Recogniser.ts"
import { seededRandom } from "../../store/SeededRandom.ts"

/** What a line means, read without a thought for speed, and checked by the Schema; nothing for a line that is wrong. */
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

// Words are cut from texts made once: making each anew would take most of the test's time.
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

const textOfCommand = (command: Command.Command | undefined): string => Object.values(command ?? {}).join(" ")

describe("Recogniser", () => {
  const recogniser = new Recogniser()

  it("accepts nothing that the Schema does not, and means the same by it: a million lines", { timeout: 60_000 }, () => {
    let recognised = 0
    let left = 0
    for (let i = 0; i < 1_000_000; i++) {
      const line = aLine()
      const before = "x".repeat(i % 3)
      const command = recogniser.recognise(`${before}${line}\n`, before.length)
      if (command === undefined) {
        left++
        continue
      }
      recognised++
      // deepStrictEqual on each of a million would take most of a minute.
      const expected = bySchema(line)
      if (textOfCommand(command) !== textOfCommand(expected)) assert.deepStrictEqual(command, expected, line)
      if (recogniser.end !== before.length + line.length + 1) assert.fail(`ends at ${recogniser.end}: ${line}`)
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
    assert.deepStrictEqual(recogniser.recognise(`${line}\n`, 0), bySchema(line))
    assert.strictEqual(recogniser.end, line.length + 1)
  })

  it.each(["GET a", "GET a\r", "PUT a b", "PUT a b 1", "PUT a ", "PUT", "", "G"])(
    "takes no line that is not whole: %j",
    (text) => {
      assert.isUndefined(recogniser.recognise(text, 0))
    }
  )
})
