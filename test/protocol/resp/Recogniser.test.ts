import { assert, describe, it } from "@effect/vitest"
import { commands as table } from "../../../src/commands/Commands.ts"
import { CommandBatch } from "../../../src/domain/CommandBatch.ts"
import { recognise } from "../../../src/protocol/resp/Recogniser.ts"
import { seededRandom } from "../../engine/SeededRandom.ts"
import { array, type Decoded, decodedOf, read } from "./Requests.ts"

const limits = { maxArguments: 1_048_576, maxBulk: 512 * 2 ** 20 }

/** What the shortcut makes of bytes, and how many of them it takes. */
const recognised = (input: string, options: { readonly end?: number; readonly isStepped?: boolean } = {}) => {
  const bytes = Buffer.from(input, "latin1")
  const commands = new CommandBatch()
  commands.begin(bytes)
  const taken = recognise(commands, 0, options.end ?? bytes.length, limits, options.isStepped ?? false)
  const decoded = Array.from({ length: commands.count }, (_, command) => decodedOf(commands, command))
  return { taken, decoded, isStopped: commands.isStopped }
}

/** The same request, but with another byte where the first line feed is, which only the decoder accepts. */
const byDecoder = (input: string): ReadonlyArray<Decoded> => read([input.replace("\n", "X")]).decoded

const { below, pick } = seededRandom(20_261_125)

const names = table.filter(({ name, protocols }) => protocols.includes("resp") && !name.includes("|"))

const aByte = (): string => String.fromCharCode(below(256))

const aWord = (): string => {
  const length = pick([0, 1, 2, 3, 5, 8, 9, 10, 16, 64, 99, 100, 300])
  return Array.from({ length }, aByte).join("")
}

const aName = (): string => {
  const name = names[below(names.length)]?.name ?? assert.fail()
  const inCase = pick([
    name,
    name.toLowerCase(),
    [...name].map((letter) => pick([letter, letter.toLowerCase()])).join("")
  ])
  if (below(8) > 0) return inCase
  const at = below(inCase.length)
  return inCase.slice(0, at) + pick(["", aByte(), "x"]) + inCase.slice(at + below(2))
}

const aRequest = (): string => {
  const name = aName()
  const { max, min } = table.find((entry) => entry.name === name.toUpperCase())?.arity ?? { min: 0, max: 3 }
  const most = Math.min(max, min + 6)
  const count = below(10) === 0 ? below(8) : min + below(most - min + 1)
  return array(name, ...Array.from({ length: count }, aWord))
}

describe("Recogniser", () => {
  it("whatever it takes means what the decoder says it means", () => {
    let taken = 0
    for (let i = 0; i < 20_000; i++) {
      const input = aRequest()
      const { decoded, taken: length } = recognised(input)
      if (length === 0) {
        assert.strictEqual(decoded.length, 0)
        continue
      }
      taken++
      assert.strictEqual(length, input.length, input)
      assert.deepStrictEqual(decoded, byDecoder(input), input)
    }
    assert.isAbove(taken, 10_000)
  })

  it("takes every command without subcommands, in any case, with any number of arguments that is right", () => {
    const containers = new Set(table.filter(({ name }) => name.includes("|")).map(({ name }) => name.split("|")[0]))
    const plain = names.filter(({ name }) => /^[A-Z]{3,16}$/.test(name) && !containers.has(name))
    assert.isAbove(plain.length, 2)
    for (const { arity, name } of plain) {
      for (let count = arity.min; count <= Math.min(arity.max, arity.min + 8); count++) {
        const args = Array.from({ length: count }, (_, index) => `argument ${index}`)
        for (const word of [name, name.toLowerCase()]) {
          const input = array(word, ...args)
          assert.strictEqual(recognised(input).taken, input.length, input)
        }
      }
    }
  })

  it("takes nothing of a request that is not whole", () => {
    for (let i = 0; i < 300; i++) {
      const [first, second] = [array("GET", "k"), aRequest()]
      // What lies behind the end is the whole request.
      for (let end = first.length; end < first.length + second.length; end++) {
        const result = recognised(first + second, { end })
        assert.strictEqual(result.taken, first.length)
        assert.strictEqual(result.decoded.length, 1)
      }
    }
  })

  it("leaves to the decoder what is written in an unusual way", () => {
    const unusual = [
      "*02\r\n$3\r\nGET\r\n$1\r\nk\r\n",
      "*2\r\n$03\r\nGET\r\n$1\r\nk\r\n",
      "*2\r\n$3\r\nGET\r\n$01\r\nk\r\n",
      "*2\rX$3\r\nGET\r\n$1\r\nk\r\n",
      "*2\r\n$3\r\nGET\r\n$-1\r\n",
      "*2\r\n$3\r\nGET\r\n:1\r\nk\r\n",
      "*2\r\n$3\r\nGET\r\n$1x\r\nk\r\n",
      "GET kkkkkkkkkkkkkk\r\n",
      array("GET", "k".repeat(65_536)),
      array("SELECTED", "1"),
      array("\u0007\u0045\u0054", "k")
    ]
    for (const input of unusual) assert.deepStrictEqual(recognised(input).decoded, [], input)
  })

  it("stops the batch after each command if it is told to, and after those that no executor does", () => {
    const input = `${array("GET", "a")}${array("GET", "b")}`
    const stepped = recognised(input, { isStepped: true })
    assert.deepStrictEqual([stepped.taken, stepped.isStopped], [array("GET", "a").length, true])
    const select = recognised(`${array("SELECT", "1")}${array("GET", "b")}`)
    assert.deepStrictEqual([select.taken, select.isStopped], [array("SELECT", "1").length, true])
  })

  it("takes no more strings, and none that are longer, than it is allowed to", () => {
    const bytes = Buffer.from(array("SET", "k", "12345678"), "latin1")
    const taken = (maxArguments: number, maxBulk: number): number => {
      const commands = new CommandBatch()
      commands.begin(bytes)
      return recognise(commands, 0, bytes.length, { maxArguments, maxBulk }, false)
    }
    assert.strictEqual(taken(3, 8), bytes.length)
    assert.strictEqual(taken(2, 8), 0)
    assert.strictEqual(taken(3, 7), 0)
  })
})
