/**
 * Executes commands as Redis's protocol does, without a server: requests are decoded, executed in memory and answered in
 * bytes. Time stands still unless it is moved.
 */
import * as Effect from "effect/Effect"
import { Alarm } from "../../src/commands/Alarm.ts"
import { Changes } from "../../src/commands/Changes.ts"
import { CommandBatch } from "../../src/domain/CommandBatch.ts"
import { Engine } from "../../src/engine/Engine.ts"
import type { Limits } from "../../src/engine/Limits.ts"
import { MemoryInsight } from "../../src/insight/MemoryInsight.ts"
import { RespReplyWriter, type RespVersion } from "../../src/protocol/resp/RespReplyWriter.ts"
import { RespRequestDecoder } from "../../src/protocol/resp/RespRequestDecoder.ts"
import { takeStream } from "../../src/server/ReplyStream.ts"
import { MemoryExecutor } from "../../src/store/Executor.ts"

export interface Options extends Partial<Limits> {
  readonly version?: RespVersion
  /** The difference between Unix time and the engine's. */
  readonly epoch?: number
}

export interface Redis {
  readonly engine: Engine
  readonly executor: MemoryExecutor
  readonly alarm: Alarm
  /** The engine's time in ms, which may be set. */
  now: number
  database: number
  /** Executes a command, whose words are strings of one byte a character, and returns the bytes of its reply likewise. */
  readonly ask: (...words: ReadonlyArray<string | number>) => string
  /** Executes a command that may come in slices, as `ask` does. Others may be executed between them. */
  readonly later: (...words: ReadonlyArray<string | number>) => Effect.Effect<string>
  /** Executes a command given as words with single spaces between them. */
  readonly line: (text: string) => string
  /** Returns the keys that have changed, as `database:key`, since the last time. */
  readonly changed: () => ReadonlyArray<string>
}

const request = (words: ReadonlyArray<string | number>): Buffer =>
  Buffer.from(`*${words.length}\r\n${words.map((word) => `$${String(word).length}\r\n${word}\r\n`).join("")}`, "latin1")

export const make = (options: Options = {}): Redis => {
  const { epoch = 1_700_000_000_000, maxKeys = 10_000, maxMemory, version = 2 } = options
  const engine = Engine.make({ maxKeys, maxMemory }, Buffer.from("8 bytes."), 0)
  const time = { now: 0 }
  const alarm = new Alarm()
  const changes = new Changes()
  const executor = new MemoryExecutor({
    insight: new MemoryInsight(
      engine,
      {},
      () => time.now,
      (now) => now + epoch
    ),
    engine,
    alarm,
    changes,
    now: () => time.now,
    micros: () => 0,
    unixTime: (now) => now + epoch
  })
  const commands = new CommandBatch()
  const replies = new RespReplyWriter(version)
  const noted: Array<string> = []
  changes.add({
    changed: (database, key) => noted.push(`${database}:${key}`),
    flushed: (database) => noted.push(`${database}:*`)
  })
  const decode = (batch: CommandBatch, words: ReadonlyArray<string | number>): void => {
    const bytes = request(words)
    batch.begin(bytes)
    const end = new RespRequestDecoder().decode(batch, 0, bytes.length)
    if (end !== bytes.length || batch.count !== 1) throw new Error(`not one command: ${words.join(" ").slice(0, 100)}`)
    executor.prepare(batch)
  }
  const taken = (from: RespReplyWriter): string => {
    const stream = takeStream(from)
    const reply = stream.next(Number.POSITIVE_INFINITY).toString("latin1")
    stream.close()
    return reply
  }
  const redis: Redis = {
    engine,
    executor,
    alarm,
    get now() {
      return time.now
    },
    set now(now) {
      time.now = now
    },
    database: 0,
    ask: (...words) => {
      decode(commands, words)
      const pending = executor.execute(commands, 0, 1, redis.now, { database: redis.database }, replies)
      if (pending !== undefined) throw new Error("a value that is stored in slices comes later")
      return taken(replies)
    },
    later: (...words) =>
      Effect.suspend(() => {
        const own = new CommandBatch()
        const itsReplies = new RespReplyWriter(version)
        decode(own, words)
        const pending = executor.execute(own, 0, 1, redis.now, { database: redis.database }, itsReplies)
        return Effect.map(pending ?? Effect.void, () => taken(itsReplies))
      }),
    line: (text) => redis.ask(...text.split(" ")),
    changed: () => noted.splice(0)
  }
  return redis
}
