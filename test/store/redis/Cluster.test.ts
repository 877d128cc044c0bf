/**
 * A server over a real cluster of three masters and three replicas: routing, and what becomes of clients while masters are
 * killed, stand still, or hand their slots over. The parts of one story, on one cluster: making one takes seconds.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Peer from "../../differential/Peer.ts"
import * as RedisServers from "../../support/RedisServers.ts"
import * as Engines from "./Engines.ts"

const numbers = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, number) => number)

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`

const integerIn = (reply: string | undefined): number => Number(/^:([0-9]+)/.exec(reply ?? "")?.[1])

/** The words of a reply that is an array of bulk strings. */
const wordsIn = (reply: string): ReadonlyArray<string> => reply.split("\r\n").filter((line) => !/^[*$]|^$/.test(line))

describe.skipIf(!RedisServers.isInstalled)("a server over a cluster", () => {
  it.live(
    "routes by keys, joins what is split, and stands by its clients while masters go",
    Effect.fnUntraced(function* () {
      const cluster = yield* RedisServers.cluster(1)
      const server = yield* Engines.serve({ ports: cluster.nodes.map(({ port }) => port) })
      const client = yield* Peer.connect(server.address)
      const ask = (...words: ReadonlyArray<string>) =>
        Effect.map(client.ask([words]), ({ replies }) => replies[0] ?? "")
      const askAll = (requests: ReadonlyArray<ReadonlyArray<string>>) =>
        Effect.map(client.ask(requests), ({ replies }) => replies)

      // --- keys of all slots, in order
      const keys = numbers(500).map((number) => `key:${number}`)
      const set = yield* askAll(keys.map((key) => ["SET", key, `of ${key}`]))
      assert.deepStrictEqual(new Set(set), new Set(["+OK\r\n"]))
      const got = yield* askAll(keys.map((key) => ["GET", key]))
      assert.deepStrictEqual(
        got,
        keys.map((key) => bulk(`of ${key}`))
      )
      assert.deepStrictEqual(yield* askAll(keys.map((key) => ["GET", key])), got, "near")
      assert.match(yield* ask("INFO", "server"), /kv_cache_engine:redis-cluster\r\n[^]*near_hits:500\r\n/)

      // --- what is split and joined
      assert.strictEqual(
        yield* ask("MGET", "key:3", "nothing", "key:1", "key:2"),
        `*4\r\n${bulk("of key:3")}$-1\r\n${bulk("of key:1")}${bulk("of key:2")}`
      )
      assert.strictEqual(yield* ask("MSET", "a", "1", "b", "2", "c", "3"), "+OK\r\n")
      const letters = `*3\r\n${bulk("1")}${bulk("2")}${bulk("3")}`
      assert.strictEqual(yield* ask("MGET", "a", "b", "c"), letters)
      const nearHits = Effect.map(ask("INFO", "server"), (info) => Number(/near_hits:(\d+)/.exec(info)?.[1]))
      const hitsBefore = yield* nearHits
      assert.strictEqual(yield* ask("MGET", "a", "b", "c"), letters)
      assert.strictEqual((yield* nearHits) - hitsBefore, 1, "what MGET has read is near")
      assert.strictEqual(yield* ask("EXISTS", "a", "b", "c", "d", "a"), ":4\r\n")
      assert.strictEqual(yield* ask("TOUCH", "a", "b", "d"), ":2\r\n")
      assert.strictEqual(yield* ask("DEL", "a", "b", "d"), ":2\r\n")
      assert.strictEqual(yield* ask("UNLINK", "c", "d"), ":1\r\n")
      assert.match(yield* ask("MSET", "a", "1", "b"), /^-ERR wrong number of arguments/)
      assert.match(yield* ask("RENAME", "key:1", "key:2"), /^-CROSSSLOT /)
      assert.strictEqual(yield* ask("RENAME", "{key:1}x", "{key:1}y"), "-ERR no such key\r\n")
      assert.strictEqual(yield* ask("SELECT", "1"), "-ERR SELECT is not allowed in cluster mode\r\n")
      assert.match(yield* ask("CLIENT", "TRACKING", "ON"), /^-ERR CLIENT TRACKING is not possible with --engine/)
      assert.match(yield* ask("WAIT", "1", "0"), /^-ERR WAIT is not possible here/)

      // --- all masters
      assert.strictEqual(yield* ask("DBSIZE"), ":500\r\n")
      yield* ask("PEXPIRE", "key:1", "1000000")
      assert.include(yield* ask("INFO", "keyspace"), "\r\ndb0:keys=500,expires=1,avg_ttl=0,subexpiry=0\r\n")
      assert.match(yield* ask("INFO"), /\r\ndb0:keys=500,/)
      assert.strictEqual(yield* ask("PERSIST", "key:1"), ":1\r\n")
      assert.sameMembers([...wordsIn(yield* ask("KEYS", "key:*"))], [...keys])
      assert.match(yield* ask("RANDOMKEY"), /^\$\d\r\nkey:/)
      const scanned: Array<string> = []
      for (let cursor = "0", rounds = 0; rounds === 0 || cursor !== "0"; rounds++) {
        const [next = "0", ...found] = wordsIn(yield* ask("SCAN", cursor, "COUNT", "50", "MATCH", "key:*"))
        scanned.push(...found)
        cursor = next
      }
      assert.sameMembers([...new Set(scanned)], [...keys])

      // --- transactions, within a slot
      assert.deepStrictEqual(
        yield* askAll([["MULTI"], ["SET", "{t}a", "1"], ["INCR", "{t}a"], ["GET", "{t}a"], ["EXEC"]]),
        ["+OK\r\n", "+QUEUED\r\n", "+QUEUED\r\n", "+QUEUED\r\n", "*3\r\n+OK\r\n:2\r\n$1\r\n2\r\n"]
      )
      assert.match((yield* askAll([["MULTI"], ["GET", "a"], ["GET", "b"], ["EXEC"]])).at(-1) ?? "", /^-CROSSSLOT /)
      const other = yield* Peer.connect({ port: cluster.masterOf("{t}a").port, host: "127.0.0.1" })
      yield* ask("WATCH", "{t}a")
      yield* other.ask([["SET", "{t}a", "9"]])
      assert.strictEqual((yield* askAll([["MULTI"], ["SET", "{t}a", "2"], ["EXEC"]])).at(-1), "*-1\r\n")
      yield* ask("WATCH", "{t}a")
      assert.strictEqual((yield* askAll([["MULTI"], ["GET", "{t}a"], ["EXEC"]])).at(-1), `*1\r\n${bulk("9")}`)

      // --- others' writes reach what is near
      assert.strictEqual(yield* ask("GET", "{t}a"), bulk("9"))
      assert.strictEqual(yield* ask("GET", "{t}a"), bulk("9"))
      yield* other.ask([["SET", "{t}a", "10"]])
      yield* Effect.repeat(ask("GET", "{t}a"), { until: (reply) => reply === bulk("10") })

      // --- the master of a slot that is handed over, step by step
      const source = cluster.masterOf("moving")
      const target = cluster.nodes.find((node) => node !== source && node.cli("role").startsWith("master"))
      if (target === undefined) return assert.fail("there is no other master")
      const slot = source.cli("cluster", "keyslot", "moving")
      const idOf = (node: RedisServers.RedisProcess): string => node.cli("cluster", "myid")
      yield* ask("SET", "{moving}1", "stays")
      yield* ask("SET", "{moving}2", "goes")
      target.cli("cluster", "setslot", slot, "importing", idOf(source))
      source.cli("cluster", "setslot", slot, "migrating", idOf(target))
      source.cli("migrate", "127.0.0.1", String(target.port), "{moving}2", "0", "1000")
      assert.deepStrictEqual(
        yield* askAll([
          ["GET", "{moving}1"],
          ["GET", "{moving}2"],
          ["SET", "{moving}3", "new"],
          ["GET", "{moving}3"],
          ["INCR", "{moving}4"],
          ["INCR", "{moving}4"]
        ]),
        [bulk("stays"), bulk("goes"), "+OK\r\n", bulk("new"), ":1\r\n", ":2\r\n"]
      )
      source.cli("migrate", "127.0.0.1", String(target.port), "{moving}1", "0", "1000")
      for (const node of [target, source]) node.cli("cluster", "setslot", slot, "node", idOf(target))
      assert.deepStrictEqual(
        yield* askAll([
          ["GET", "{moving}1"],
          ["INCR", "{moving}4"],
          ["GET", "{moving}4"],
          ["MULTI"],
          ["INCR", "{moving}4"],
          ["EXEC"]
        ]),
        [bulk("stays"), ":3\r\n", bulk("3"), "+OK\r\n", "+QUEUED\r\n", "*1\r\n:4\r\n"]
      )

      // --- a master that stands still: its slots fail, others do not, and it comes back
      const slow = cluster.masterOf("key:1")
      const elsewhere = keys.find((key) => cluster.masterOf(key) !== slow) ?? ""
      slow.signal("SIGSTOP")
      assert.match(
        yield* ask("SET", "key:1", "x"),
        /^-UNAVAILABLE 127\.0\.0\.1:\d+ did not answer within 1s: SET may have been executed, or not/
      )
      assert.match(yield* ask("SET", "key:1", "x"), /^-UNAVAILABLE .*: SET was not executed|^\+OK/)
      assert.strictEqual(yield* ask("SET", elsewhere, "y"), "+OK\r\n")
      slow.signal("SIGCONT")
      yield* Effect.repeat(ask("SET", "key:1", "z"), { until: (reply) => reply === "+OK\r\n" })
      assert.strictEqual(yield* ask("GET", "key:1"), bulk("z"))

      // --- a master is killed while two clients write: each reply is there, in order, and what was acknowledged is kept
      const writer = yield* Peer.connect(server.address)
      const victim = cluster.masterOf("{count}")
      const counter = { acknowledged: 0, failed: 0, beforeFailure: 0 }
      yield* victim.kill
      for (let isBack = false; !isBack;) {
        const { replies } = yield* writer.ask(
          numbers(20).flatMap(() => [
            ["INCR", "{count}"],
            ["ECHO", "in order"]
          ])
        )
        assert.strictEqual(replies.length, 40)
        for (const [index, reply] of replies.entries()) {
          if (index % 2 === 1) assert.strictEqual(reply, bulk("in order"))
          else if (reply.startsWith(":")) assert.strictEqual(integerIn(reply), ++counter.acknowledged)
          else {
            assert.match(reply, /^-(?:UNAVAILABLE|CLUSTERDOWN) /)
            counter.failed++
          }
        }
        isBack = counter.acknowledged >= 100
        if (!isBack) yield* Effect.sleep("20 millis")
      }
      assert.isAbove(counter.failed, 0)
      assert.strictEqual(yield* ask("GET", "{count}"), bulk(String(counter.acknowledged)))

      // --- the whole cluster is gone, and comes back
      const isVictim = (node: RedisServers.RedisProcess): boolean => node === victim
      yield* Effect.forEach(
        cluster.nodes.filter((node) => !isVictim(node)),
        (node) => node.kill
      )
      assert.match(yield* ask("GET", "unread"), /^-UNAVAILABLE 127\.0\.0\.1:\d+ .*: no answer to GET/)
      assert.match(yield* ask("DBSIZE"), /^-UNAVAILABLE /)
      yield* Effect.forEach(cluster.nodes, (node) => node.start)
      yield* Effect.repeat(ask("SET", "key:1", "again"), { until: (reply) => reply === "+OK\r\n" })
      assert.strictEqual(yield* ask("GET", "key:1"), bulk("again"))
      const { defects } = yield* server.stats
      assert.strictEqual(defects, 0)
    }, Effect.scoped),
    120_000
  )
})
