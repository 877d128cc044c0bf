/** The commands that concern the whole server, over real sockets. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import * as EventLoop from "../../../src/EventLoop.ts"
import * as TestServer from "../TestServer.ts"
import { bulk, exchange, request, textOf } from "./Exchanges.ts"

/** The fields of INFO. */
const fieldsOf = (info: string): ReadonlyMap<string, string> =>
  new Map(Array.from(info.matchAll(/^([^#:\r\n]+):(.*)\r$/gm), ([, name = "", value = ""]) => [name, value]))

describe("INFO", () => {
  it.effect("has the sections that are asked for, in Redis's form", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      const sections = (info: string) => Array.from(info.matchAll(/^# (\w+)\r$/gm), ([, name]) => name)
      const standard = yield* textOf(client, "INFO")
      assert.match(standard, /^# Server\r\nredis_version:7\.4\.0\r\n/)
      assert.deepStrictEqual(sections(standard), [
        "Server",
        "Clients",
        "Memory",
        "Persistence",
        "Stats",
        "Replication",
        "CPU",
        "Modules",
        "Errorstats",
        "Cluster",
        "Keyspace"
      ])
      assert.include(standard, "\r\n\r\n# Clients\r\n")
      assert.strictEqual(yield* textOf(client, "INFO cluster"), "# Cluster\r\ncluster_enabled:0\r\n")
      assert.deepStrictEqual(sections(yield* textOf(client, "INFO keyspace SERVER")), ["Server", "Keyspace"])
      assert.strictEqual(yield* textOf(client, "INFO nothing"), "")
      assert.include(sections(yield* textOf(client, "INFO all")), "Commandstats")
      assert.notInclude(sections(yield* textOf(client, "INFO all")), "Modules")
      assert.strictEqual(sections(yield* textOf(client, "INFO everything")).length, 13)
      yield* client.send(request("HELLO", "3"))
      yield* client.lines(30)
      yield* exchange(client, "INFO cluster", "=34\r\ntxt:# Cluster\r\ncluster_enabled:0\r\n\r\n")
    })
  )

  it.effect("counts what happens, from 0 again after CONFIG RESETSTAT", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      yield* exchange(client, "SET a 1", "+OK\r\n")
      yield* exchange(client, "GET a", bulk("1"))
      yield* exchange(client, "GET b", "$-1\r\n")
      yield* exchange(client, "SELECT 3", "+OK\r\n")
      yield* exchange(client, "SET c 1 EX 100", "+OK\r\n")
      yield* exchange(client, "SET c 1 FOO", "-ERR syntax error\r\n")
      yield* exchange(client, "SELECT x", "-ERR value is not an integer or out of range\r\n")
      yield* TestClock.adjust(2000)
      const info = yield* textOf(client, "INFO everything")
      const fields = fieldsOf(info)
      const expected = {
        uptime_in_seconds: "2",
        connected_clients: "1",
        keyspace_hits: "1",
        keyspace_misses: "1",
        total_connections_received: "1",
        total_commands_processed: "8",
        instantaneous_ops_per_sec: "4",
        total_error_replies: "2",
        errorstat_ERR: "count=2"
      }
      for (const [name, value] of Object.entries(expected)) assert.strictEqual(fields.get(name), value, name)
      assert.match(fields.get("cmdstat_set") ?? "", /^calls=3,usec=\d+,.*rejected_calls=0,failed_calls=1$/)
      assert.match(fields.get("cmdstat_select") ?? "", /^calls=2,.*failed_calls=1$/)
      assert.strictEqual(fields.get("tcp_port"), String(server.address.port))
      assert.match(fields.get("run_id") ?? "", /^[0-9a-f]{40}$/)
      assert.match(fields.get("db0") ?? "", /^keys=1,/)
      assert.match(fields.get("db3") ?? "", /^keys=1,/)
      assert.strictEqual(fields.get("used_memory"), fields.get("used_memory_peak"))
      yield* exchange(client, "CONFIG RESETSTAT", "+OK\r\n")
      const again = fieldsOf(yield* textOf(client, "INFO everything"))
      assert.strictEqual(again.get("keyspace_hits"), "0")
      assert.strictEqual(again.get("total_error_replies"), "0")
      assert.strictEqual(again.get("cmdstat_set"), undefined)
      // The counters that others read go on.
      assert.strictEqual((yield* server.stats).store.hits, 1)
    })
  )
})

describe("CONFIG", () => {
  it.effect("shows what matches, and changes all or nothing", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ maxConnections: 7 })
      const client = yield* server.connect()
      yield* exchange(client, "CONFIG GET MAXCLI*", `*2\r\n${bulk("maxclients")}${bulk("7")}`)
      yield* exchange(
        client,
        "CONFIG GET save appendonly save",
        `*4\r\n${bulk("save")}${bulk("")}${bulk("appendonly")}${bulk("no")}`
      )
      yield* exchange(client, "CONFIG GET nothing", "*0\r\n")
      const failed = (name: string, why: string) =>
        `-ERR CONFIG SET failed (possibly related to argument '${name}') - ${why}\r\n`
      yield* exchange(
        client,
        "CONFIG SET maxclients 9 foo 1",
        "-ERR Unknown option or number of arguments for CONFIG SET - 'foo'\r\n"
      )
      yield* exchange(client, "CONFIG SET maxclients 9 port 1", failed("port", "can't set immutable config"))
      yield* exchange(client, "CONFIG SET maxclients 9 maxclients 8", failed("maxclients", "duplicate parameter"))
      yield* exchange(
        client,
        "CONFIG SET timeout 1 maxclients x",
        failed("maxclients", "argument couldn't be parsed into an integer")
      )
      yield* exchange(
        client,
        "CONFIG SET maxclients 0",
        failed("maxclients", "argument must be between 1 and 1000000 inclusive")
      )
      yield* exchange(client, "CONFIG SET maxmemory lots", failed("maxmemory", "argument must be a memory value"))
      yield* exchange(
        client,
        "CONFIG SET maxmemory-policy noeviction",
        failed("maxmemory-policy", "it is always 'allkeys-lru' here")
      )
      yield* exchange(client, "CONFIG SET maxclients", "-ERR wrong number of arguments for 'config|set' command\r\n")
      yield* exchange(client, "CONFIG SET maxclients 1 timeout", "-ERR syntax error\r\n")
      yield* exchange(client, "CONFIG GET maxclients", `*2\r\n${bulk("maxclients")}${bulk("7")}`)
      yield* exchange(client, "CONFIG GET timeout", `*2\r\n${bulk("timeout")}${bulk("0")}`)
      yield* exchange(client, "CONFIG REWRITE", "-ERR The server is running without a config file\r\n")
      yield* exchange(client, "CONFIG SET maxclients 1 maxmemory-policy ALLKEYS-LRU save ", "+OK\r\n")
      const refused = yield* server.connect()
      assert.include((yield* refused.untilEnd).text, "the limit is 1")
    })
  )

  it.effect("sets the idle timeout of a running server", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ idleTimeout: Duration.zero })
      const client = yield* server.connect()
      yield* exchange(client, "PING", "+PONG\r\n")
      yield* TestClock.adjust("1 day")
      yield* exchange(client, "CONFIG SET timeout 10", "+OK\r\n")
      yield* TestClock.adjust("9 seconds")
      yield* exchange(client, "PING", "+PONG\r\n")
      yield* exchange(client, "CONFIG SET timeout 5", "+OK\r\n")
      yield* TestClock.adjust("5 seconds")
      yield* client.closed
    })
  )

  it.effect("evicts down to a lower bound of memory little by little", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      const KEYS = 5000
      const sets = Array.from({ length: KEYS }, (_, i) => request("SET", `key${i}`, "v".repeat(200)))
      yield* client.send(sets.join(""))
      yield* client.lines(KEYS)
      const { bytes } = (yield* server.stats).store
      const bound = Math.floor(bytes / 4)
      yield* exchange(client, `CONFIG SET maxmemory ${bound}`, "+OK\r\n")
      yield* exchange(client, "CONFIG GET maxmemory", `*2\r\n${bulk("maxmemory")}${bulk(String(bound))}`)
      yield* TestClock.adjust("2 minutes")
      const { bytes: left, evicted, keys } = (yield* server.stats).store
      assert.isAtMost(left, bound)
      assert.isAbove(left, bound * 0.95)
      assert.strictEqual(evicted + keys, KEYS)
      // The newest are left, and the bound holds.
      yield* exchange(client, `GET key${KEYS - 1}`, bulk("v".repeat(200)))
      yield* exchange(client, "SET another 1", "+OK\r\n")
      assert.isAtMost((yield* server.stats).store.bytes, bound)
      yield* exchange(client, "CONFIG SET maxmemory 0", "+OK\r\n")
      yield* client.send(sets.join(""))
      yield* client.lines(KEYS)
      assert.strictEqual((yield* server.stats).store.keys, KEYS + 1)
    })
  )
})

describe("SLOWLOG", () => {
  it.effect("keeps every command with the threshold 0, shortened, the newest first", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      yield* TestClock.setTime(1_700_000_000_000)
      const client = yield* server.connect()
      yield* exchange(client, "CLIENT SETNAME me", "+OK\r\n")
      yield* exchange(client, "SLOWLOG GET", "*0\r\n")
      yield* exchange(client, "CONFIG SET slowlog-log-slower-than 0", "+OK\r\n")
      yield* exchange(client, "SLOWLOG RESET", "+OK\r\n")
      yield* client.send(
        request("SET", "key", "v".repeat(130)) + request("MGET", ...Array.from({ length: 40 }, () => "k"))
      )
      yield* client.lines(1 + 1 + 40)
      yield* exchange(client, "CONFIG SET slowlog-log-slower-than -1", "+OK\r\n")
      yield* exchange(client, "SLOWLOG LEN", ":3\r\n")
      const address = /addr=(\S+)/.exec(yield* textOf(client, "CLIENT INFO"))?.[1] ?? ""
      const entry = (id: number, words: ReadonlyArray<string>) =>
        `*6\r\n:${id}\r\n:1700000000\r\n:0\r\n*${words.length}\r\n${words.map(bulk).join("")}${bulk(address)}${bulk("me")}`
      yield* exchange(
        client,
        "SLOWLOG GET 2",
        `*2\r\n${entry(3, ["mget", ...Array.from({ length: 30 }, () => "k"), "... (10 more arguments)"])}` +
          entry(2, ["set", "key", "(130 bytes)"])
      )
      yield* exchange(client, "SLOWLOG GET x", "-ERR count should be greater than or equal to -1\r\n")
      yield* exchange(client, "SLOWLOG GET -2", "-ERR count should be greater than or equal to -1\r\n")
      yield* exchange(client, "CONFIG SET slowlog-max-len 1", "+OK\r\n")
      yield* exchange(client, "SLOWLOG LEN", ":1\r\n")
    })
  )

  it.effect("and LATENCY keep a command that takes its time by the clock", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      yield* exchange(client, "CONFIG SET latency-monitor-threshold 100", "+OK\r\n")
      const other = yield* server.connect()
      yield* client.send(request("DEBUG", "SLEEP", "1.5"))
      // Others need not wait.
      yield* exchange(other, "PING", "+PONG\r\n")
      yield* server.quiet
      yield* TestClock.adjust(1500)
      assert.strictEqual(yield* client.lines(1), "+OK\r\n")
      yield* exchange(client, "SLOWLOG LEN", ":1\r\n")
      yield* client.send(request("SLOWLOG", "GET"))
      assert.include(yield* client.lines(16), ":1500000\r\n*3\r\n")
      yield* exchange(client, "LATENCY LATEST", `*1\r\n*4\r\n${bulk("command")}:1\r\n:1500\r\n:1500\r\n`)
      yield* exchange(client, "LATENCY HISTORY command", "*1\r\n*2\r\n:1\r\n:1500\r\n")
      yield* exchange(client, "LATENCY GRAPH x", "-ERR No samples available for event 'x'\r\n")
      assert.include(yield* textOf(client, "LATENCY GRAPH command"), "command - high 1500 ms")
      assert.include(yield* textOf(client, "LATENCY DOCTOR"), "worst ever 1500 ms")
      yield* exchange(client, "LATENCY RESET", ":1\r\n")
      yield* exchange(client, "LATENCY LATEST", "*0\r\n")
      yield* exchange(client, "DEBUG SLEEP x", "-ERR value is not a valid float\r\n")
    })
  )
})

describe("MONITOR", () => {
  it.effect("shows the commands of all clients and databases, without secrets, until RESET", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      yield* TestClock.setTime(1_700_000_000_123)
      const watcher = yield* server.connect()
      const client = yield* server.connect()
      const text = yield* server.connect()
      yield* exchange(watcher, "MONITOR", "+OK\r\n")
      yield* exchange(client, "SELECT 2", "+OK\r\n")
      yield* client.send(request("SET", "k\n\xff", 'a "b" \\') + request("GET", "k\n\xff"))
      yield* client.lines(3)
      yield* exchange(client, "AUTH default secret", "+OK\r\n")
      yield* exchange(client, "CONFIG GET nothing", "*0\r\n")
      yield* exchange(client, "nothing here", "-ERR unknown command 'nothing', with args beginning with: 'here' \r\n")
      yield* text.ask("PUT key value\n")
      const lines = (yield* watcher.lines(5)).replaceAll(/127\.0\.0\.1:\d+/g, "address")
      assert.strictEqual(
        lines,
        [
          '+1700000000.123000 [2 address] "select" "2"\r\n',
          '+1700000000.123000 [2 address] "set" "k\\n\\xff" "(7 bytes)"\r\n',
          '+1700000000.123000 [2 address] "get" "k\\n\\xff"\r\n',
          '+1700000000.123000 [2 address] "auth" "(redacted)" "(redacted)"\r\n',
          '+1700000000.123000 [0 address] "put" "key" "(5 bytes)"\r\n'
        ].join("")
      )
      yield* exchange(client, "CONFIG SET show-values yes", "+OK\r\n")
      yield* client.send(request("SET", "k\n\xff", 'a "b" \\'))
      yield* client.lines(1)
      assert.include(yield* watcher.lines(1), '"set" "k\\n\\xff" "a \\"b\\" \\\\"\r\n')
      assert.include(yield* textOf(client, "CLIENT LIST ID 1"), "flags=O ")
      yield* watcher.send(request("RESET"))
      let last = ""
      while (last !== "+RESET\r\n") last = yield* watcher.lines(1)
      yield* exchange(client, "PING", "+PONG\r\n")
      yield* exchange(watcher, "PING", "+PONG\r\n")
    })
  )
})

describe("CLIENT REPLY", () => {
  it.effect("drops answers within a pipeline, and only those", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      const all = [
        "SET a 1",
        "CLIENT REPLY SKIP",
        "GET a",
        "GET a",
        "CLIENT REPLY OFF",
        "GET a",
        "SET a 2",
        "SELECT 1",
        "SELECT 0",
        "nothing",
        "CLIENT REPLY SKIP",
        "CLIENT REPLY ON",
        "GET a",
        "CLIENT REPLY SKIP",
        "CLIENT REPLY ON",
        "CLIENT REPLY MAYBE"
      ]
      yield* client.send(all.map((line) => request(...line.split(" "))).join(""))
      const expected = `+OK\r\n${bulk("1")}+OK\r\n${bulk("2")}+OK\r\n-ERR syntax error\r\n`
      assert.strictEqual((yield* client.bytes(expected.length)).toString("latin1"), expected)
      yield* exchange(client, "PING", "+PONG\r\n")
    })
  )
})

describe("CLIENT PAUSE", () => {
  it.effect("holds back all commands of all clients until its time is over", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      const other = yield* server.connect()
      yield* exchange(other, "PING", "+PONG\r\n")
      yield* client.send(request("CLIENT", "PAUSE", "1000") + request("SET", "a", "1") + request("GET", "a"))
      assert.strictEqual(yield* client.lines(1), "+OK\r\n")
      yield* other.send("PING\r\n")
      yield* server.quiet
      yield* TestClock.adjust(999)
      yield* EventLoop.polled
      assert.strictEqual((yield* server.stats).store.gets, 0)
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* other.lines(1), "+PONG\r\n")
      assert.strictEqual(yield* client.lines(3), `+OK\r\n${bulk("1")}`)
      yield* exchange(client, "CLIENT PAUSE x", "-ERR timeout is not an integer or out of range\r\n")
      yield* exchange(client, "CLIENT PAUSE -1", "-ERR timeout is negative\r\n")
      yield* exchange(client, "CLIENT PAUSE 1 READ", "-ERR CLIENT PAUSE mode must be WRITE or ALL\r\n")
    })
  )

  it.effect("holds back writes only, transactions with any among them, until UNPAUSE", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      const other = yield* server.connect()
      const reader = yield* server.connect()
      yield* exchange(other, "MULTI", "+OK\r\n")
      yield* exchange(other, "GET a", "+QUEUED\r\n")
      yield* exchange(other, "SET b 1", "+QUEUED\r\n")
      yield* exchange(client, "CLIENT PAUSE 100000 WRITE", "+OK\r\n")
      yield* exchange(reader, "MULTI", "+OK\r\n")
      yield* exchange(reader, "GET a", "+QUEUED\r\n")
      yield* exchange(reader, "EXEC", "*1\r\n$-1\r\n")
      yield* exchange(reader, "MULTI", "+OK\r\n")
      yield* exchange(reader, "SET a", "-ERR wrong number of arguments for 'set' command\r\n")
      yield* exchange(reader, "EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n")
      const writer = yield* server.connect()
      yield* writer.send(request("GET", "a") + request("SET", "a", "1") + request("GET", "a"))
      assert.strictEqual(yield* writer.lines(1), "$-1\r\n")
      yield* other.send(request("EXEC"))
      yield* exchange(client, "GET a", "$-1\r\n")
      assert.strictEqual(/blocked_clients:(\d+)/.exec(yield* textOf(client, "INFO clients"))?.[1], "2")
      yield* exchange(client, "CLIENT UNPAUSE", "+OK\r\n")
      assert.strictEqual(yield* writer.lines(3), `+OK\r\n${bulk("1")}`)
      assert.match(yield* other.lines(2), /^\*2\r\n\$/)
    })
  )
})

describe("CLIENT NO-TOUCH", () => {
  it.effect("leaves the order of use as it is", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ maxKeys: 2 })
      const client = yield* server.connect()
      yield* client.send(request("SET", "a", "1") + request("SET", "b", "1"))
      yield* client.lines(2)
      yield* exchange(client, "CLIENT NO-TOUCH ON", "+OK\r\n")
      yield* exchange(client, "GET a", bulk("1"))
      yield* exchange(client, "SET c 1", "+OK\r\n")
      yield* exchange(client, "EXISTS a", ":0\r\n")
      yield* exchange(client, "CLIENT NO-TOUCH OFF", "+OK\r\n")
      yield* exchange(client, "GET b", bulk("1"))
      yield* exchange(client, "SET d 1", "+OK\r\n")
      yield* exchange(client, "EXISTS b", ":1\r\n")
    })
  )
})

describe("LOLWUT", () => {
  it.effect("ends in the words and the version by which clients know it", () =>
    Effect.gen(function* () {
      const client = yield* (yield* TestServer.start()).connect()
      yield* exchange(client, "LOLWUT", bulk("Redis ver. 7.4.0\n"))
      yield* exchange(client, "LOLWUT VERSION 5", bulk("Redis ver. 7.4.0\n"))
    })
  )
})

describe("COMMAND", () => {
  it.effect("describes commands as Redis does", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      const spec = (last: number) =>
        `*1\r\n*6\r\n${bulk("flags")}*2\r\n+RO\r\n+access\r\n${bulk("begin_search")}*4\r\n${bulk("type")}${bulk("index")}` +
        `${bulk("spec")}*2\r\n${bulk("index")}:1\r\n${bulk("find_keys")}*4\r\n${bulk("type")}${bulk("range")}` +
        `${bulk("spec")}*6\r\n${bulk("lastkey")}:${last}\r\n${bulk("keystep")}:1\r\n${bulk("limit")}:0\r\n`
      yield* exchange(
        client,
        "COMMAND INFO get nothing",
        `*2\r\n*10\r\n${bulk("get")}:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n*3\r\n+@read\r\n+@string\r\n` +
          `+@fast\r\n*0\r\n${spec(0)}*0\r\n*-1\r\n`
      )
      yield* exchange(client, "COMMAND GETKEYS MSET a 1 b 2", `*2\r\n${bulk("a")}${bulk("b")}`)
      yield* exchange(client, "COMMAND GETKEYS nothing a", "-ERR Invalid command specified\r\n")
      yield* exchange(client, "COMMAND GETKEYS PING", "-ERR The command has no key arguments\r\n")
      yield* exchange(client, "COMMAND GETKEYS GET a b", "-ERR Invalid number of arguments specified for command\r\n")
      yield* exchange(client, "COMMAND GETKEYSANDFLAGS GET a", `*1\r\n*2\r\n${bulk("a")}*2\r\n+RO\r\n+access\r\n`)
      yield* exchange(
        client,
        "COMMAND LIST FILTERBY PATTERN config|r*",
        `*2\r\n${bulk("config|resetstat")}${bulk("config|rewrite")}`
      )
      yield* exchange(client, "COMMAND LIST FILTERBY MODULE x", "*0\r\n")
      yield* client.send(request("COMMAND", "LIST") + request("COMMAND", "LIST", "FILTERBY", "PATTERN", "*"))
      const count = (yield* client.lines(1)).slice(1)
      const names = yield* client.lines(2 * Number(count))
      assert.include(names, bulk("client") + bulk("command"))
      assert.include(names, bulk("client|list"))
      assert.strictEqual(yield* client.lines(1 + 2 * Number(count)), `*${count}${names}`)
      yield* exchange(client, "COMMAND LIST x", "-ERR syntax error\r\n")
    })
  )

  it.effect("shows how to use one, in its arguments", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      const map = (...parts: ReadonlyArray<string>) => `*${parts.length}\r\n${parts.join("")}`
      const text = (name: string, value: string) => [bulk(name), bulk(value)]
      const token = (name: string) =>
        map(...text("name", name), ...text("type", "pure-token"), ...text("token", name.toUpperCase()))
      const mode = map(
        ...text("name", "write-all"),
        ...text("type", "oneof"),
        bulk("flags"),
        "*1\r\n+optional\r\n",
        bulk("arguments"),
        `*2\r\n${token("write")}${token("all")}`
      )
      const timeout = map(...text("name", "timeout"), ...text("type", "integer"), ...text("display_text", "timeout"))
      yield* exchange(
        client,
        "COMMAND DOCS client|pause nothing",
        map(
          bulk("client|pause"),
          map(
            ...text("summary", "Hold back the commands of all clients for so many ms"),
            ...text("since", "3.0.0"),
            ...text("group", "connection"),
            ...text("complexity", "O(1)"),
            bulk("arguments"),
            `*2\r\n${timeout}${mode}`
          )
        )
      )
    })
  )
})

describe("a server that is no cluster and has no modules and functions", () => {
  it.effect("says so as Redis does", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      yield* TestClock.setTime(1_700_000_000_123)
      const client = yield* server.connect()
      const noCluster = "-ERR This instance has cluster support disabled\r\n"
      for (const line of ["INFO", "SLOTS", "SHARDS", "KEYSLOT a", "MYID", "NODES"]) {
        yield* exchange(client, `CLUSTER ${line}`, noCluster)
      }
      yield* exchange(client, "MODULE LIST", "*0\r\n")
      yield* exchange(client, "FUNCTION LIST WITHCODE", "*0\r\n")
      yield* exchange(client, "FUNCTION FLUSH ASYNC", "+OK\r\n")
      yield* exchange(client, "FUNCTION FLUSH x", "-ERR FUNCTION FLUSH only supports SYNC|ASYNC option\r\n")
      yield* exchange(client, "ROLE", `*3\r\n${bulk("master")}:0\r\n*0\r\n`)
      yield* exchange(client, "WAIT 0 10", ":0\r\n")
      yield* exchange(client, "WAIT 0 -1", "-ERR timeout is negative\r\n")
      yield* exchange(client, "TIME", `*2\r\n${bulk("1700000000")}${bulk("123000")}`)
      yield* exchange(client, "LASTSAVE", ":0\r\n")
      yield* exchange(client, "ACL WHOAMI", bulk("default"))
      yield* exchange(
        client,
        "CLIENT MAINT_NOTIFICATIONS ON",
        "-ERR unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP.\r\n"
      )
      yield* exchange(client, "PING", "+PONG\r\n")
    })
  )
})
