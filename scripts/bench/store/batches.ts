/**
 * Measures batches of commands as a server executes them, against one engine at one size, in a process of its own: keys
 * and values lie in a buffer, four of five commands are GETs whose values are copied to a reply buffer, the rest are PUTs,
 * and keys are chosen evenly. Prints ns a command for each round, best and median.
 *
 *     node batches.mjs <engine|packed> <entries> [seconds] [ttl in s] [commands of a batch]
 */
import { randomBytes } from "node:crypto"
import { BATCH_COMMANDS, CommandBatch, GET, PUT } from "../../../src/domain/CommandBatch.ts"
import { Engine, NOT_THERE } from "../../../src/engine/Engine.ts"
import type { KeyPlaces } from "../../../src/engine/KeyPlaces.ts"
import { KeyHash } from "../../../src/store/KeyHash.ts"
import { PackedKeyspace } from "../../../src/store/PackedKeyspace.ts"

const [kind = "engine", entriesText = "10000", secondsText = "3", ttlText = "0", commandsText = "256"] =
  process.argv.slice(2)
const entries = Number(entriesText)
const seconds = Number(secondsText)
const ttl = Number(ttlText)
const size = Math.min(Number(commandsText), BATCH_COMMANDS)

const KEY = 16
const VALUE = 64
const RECORD = KEY + VALUE

const bytes = Buffer.alloc(size * RECORD, "v")
const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
const reply = new DataView(new ArrayBuffer(size * (VALUE + 8)))
let length = 0

/** What a reply writer does with a value. */
const found = (words: Int32Array, at: number, count: number): void => {
  let word = at
  for (let to = length, end = to + count; to < end; to += 4) reply.setInt32(to, words[word++] ?? 0, true)
  length += count
}
const replies = {
  stored: (): void => {
    length += 4
  },
  found,
  deleted: (): void => {},
  notFound: (): void => {
    throw new Error("a key is not there")
  },
  existence: (): void => {}
}

class Batch implements KeyPlaces {
  readonly view = view
  keyCount = size
  private readonly hashes = new Int32Array(BATCH_COMMANDS)
  keyStart(key: number): number {
    return key * RECORD
  }
  keyLength(): number {
    return KEY
  }
  hash(key: number): number {
    return this.hashes[key] ?? 0
  }
  setHash(key: number, hash: number): void {
    this.hashes[key] = hash
  }
}

let state = 0x2545_f491
const random = (below: number): number => {
  state ^= state << 13
  state ^= state >>> 17
  state ^= state << 5
  return (state >>> 0) % below
}

/** Hexadecimal digits, the last one lowest. */
const HEX = Buffer.from("0123456789abcdef", "latin1")
const writeKey = (at: number, number: number): void => {
  for (let digit = 0; digit < KEY; digit++) bytes[at * RECORD + digit] = HEX[(number >>> ((digit & 7) * 4)) & 15] ?? 0
}

const isPut = new Uint8Array(size)
const now = (): number => Math.floor(performance.now())

/** The process's own time in ms: on a machine that others use, a wait for a core is no engine's doing. */
const cpu = (): number => {
  const { system, user } = process.cpuUsage()
  return (system + user) / 1000
}

const packed = (): ((at: number) => void) => {
  const keyspace = new PackedKeyspace({ maxKeys: Number.POSITIVE_INFINITY }, KeyHash.withSecret(randomBytes(8)), now())
  const batch = new CommandBatch()
  return (at) => {
    batch.begin(bytes)
    for (let i = 0; i < size; i++) {
      if (isPut[i] === 1) batch.add(PUT, i * RECORD, KEY, i * RECORD + KEY, VALUE, ttl)
      else batch.add(GET, i * RECORD, KEY, 0, 0, 0)
    }
    keyspace.prepare(batch)
    for (let i = 0; i < size; i++) {
      if (isPut[i] === 1) {
        keyspace.putAt(batch, i, at)
        replies.stored()
      } else keyspace.getAt(batch, i, at, replies)
    }
  }
}

const engine = (): ((at: number) => void) => {
  const its = Engine.make({ maxKeys: Number.POSITIVE_INFINITY }, randomBytes(8), now())
  const batch = new Batch()
  return (at) => {
    its.prepare(batch, 0)
    const deadline = ttl === 0 ? Number.POSITIVE_INFINITY : at + ttl * 1000
    for (let i = 0; i < size; i++) {
      const start = i * RECORD
      const hash = batch.hash(i)
      if (isPut[i] === 1) {
        its.set(view, start, KEY, hash, 0, view, start + KEY, VALUE, deadline, at)
        replies.stored()
        continue
      }
      const entry = its.find(view, start, KEY, hash, 0, at)
      if (entry === NOT_THERE) replies.notFound()
      its.touch(entry)
      if (its.isInline(entry)) found(its.valueWords(entry), its.valueWord(entry), its.valueLength(entry))
    }
  }
}

const execute = kind === "packed" ? packed() : engine()
isPut.fill(1)
const fillStart = cpu()
for (let from = 0; from < entries; from += size) {
  for (let i = 0; i < size; i++) writeKey(i, Math.min(from + i, entries - 1))
  length = 0
  execute(now())
}
const fill = ((cpu() - fillStart) / entries) * 1e6

const BATCHES = 256
const chosen = new Int32Array(BATCHES * size)
const rounds: Array<number> = []
const end = performance.now() + seconds * 1000
while (performance.now() < end) {
  const at = now()
  for (let i = 0; i < chosen.length; i++) chosen[i] = random(entries)
  const begin = cpu()
  for (let batch = 0; batch < BATCHES; batch++) {
    for (let i = 0; i < size; i++) {
      const number = chosen[batch * size + i] ?? 0
      writeKey(i, number)
      isPut[i] = number % 5 === 0 ? 1 : 0
    }
    length = 0
    execute(at)
  }
  rounds.push(((cpu() - begin) / BATCHES / size) * 1e6)
}
const sorted = rounds.toSorted((a, b) => a - b)
const quantile = (share: number): string => (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(1)
process.stdout.write(
  `${kind} ${entries}: fill ${fill.toFixed(0)}, best ${quantile(0)}, quartile ${quantile(0.25)}, median ${quantile(0.5)} ns; ${(process.memoryUsage().rss / entries).toFixed(0)} B of memory an entry\n`
)
