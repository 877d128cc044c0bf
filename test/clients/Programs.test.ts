/** The programs of Debian's redis-tools, and redis-py, against a server in virtual time. Each is skipped where it is absent. */
import { spawn, spawnSync } from "node:child_process"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestServer from "../server/TestServer.ts"
import { useFixture } from "./Fixture.ts"

const fixture = useFixture()

/** Whether a program of this machine ends well with these arguments. */
const runs = (program: string, ...args: ReadonlyArray<string>): boolean => spawnSync(program, args).status === 0

/** Runs a program with an input to its end. Gives what it has written; fails if it does not end well. */
const run = (program: string, args: ReadonlyArray<string>, input = ""): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] })
    let output = ""
    let errors = ""
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString("latin1")))
    child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString("latin1")))
    child.once("error", reject)
    child.once("close", (code) => {
      if (code === 0) resolve(output)
      else reject(new Error(`${program} ended with ${code}: ${errors}${output}`))
    })
    child.stdin.on("error", () => {})
    child.stdin.end(input)
  })

const hasCli = runs("redis-cli", "--version")

describe.skipIf(!hasCli)(hasCli ? "redis-cli" : "redis-cli (not installed)", () => {
  const cli = (args: ReadonlyArray<string>, input?: string) =>
    run("redis-cli", ["-p", String(fixture.server.port), ...args], input)

  it("answers its commands, one by one and from its input", async () => {
    assert.strictEqual(await cli(["PING"]), "PONG\n")
    assert.strictEqual(
      await cli(["-3", "HSET", "a", "b", "c"]).catch(() => "an error"),
      "ERR unknown command 'HSET', with args beginning with: 'a' 'b' 'c' \n\n"
    )
    assert.strictEqual(
      await cli([], 'SET greeting "hello world" EX 60\nGET greeting\nTTL greeting\nMULTI\nINCR n\nINCR n\nEXEC\n'),
      "OK\nhello world\n60\nOK\nQUEUED\nQUEUED\n1\n2\n"
    )
  })

  it("moves virtual time", async () => {
    await cli(["SET", "a", "1", "EX", "60"])
    assert.strictEqual(await cli(["CLOCK", "ADVANCE", "59999"]), "59999\n")
    assert.strictEqual(await cli(["GET", "a"]), "1\n")
    assert.strictEqual(await cli(["clock", "advance", "1"]), "60000\n")
    assert.strictEqual(await cli(["EXISTS", "a"]), "0\n")
    assert.match(await cli(["CLOCK", "ADVANCE"]), /^ERR wrong arguments: usage CLOCK NOW, /)
    assert.match(await cli(["CLOCK", "SET", "1"]), /^ERR the clock goes forward only: it is 60000 ms\n/)
    assert.match(await cli(["CLOCK", "ADVANCE", "soon"]), /^ERR /)
    assert.strictEqual(await cli(["CLOCK", "RESET"]), "0\n")
  })

  it("finds keys with --scan and --bigkeys", async () => {
    await cli([], Array.from({ length: 200 }, (_, i) => `SET key:${i} ${"v".repeat(i)}\n`).join(""))
    const found = (await cli(["--scan", "--pattern", "key:1*"])).trim().split("\n")
    assert.strictEqual(new Set(found).size, 111)
    assert.include(await cli(["--bigkeys"]), `Biggest string found '"key:199"' has 199 bytes`)
  })

  it("takes 100,000 SETs with --pipe", async () => {
    const sets = Array.from({ length: 100_000 }, (_, i) => {
      const value = String(i)
      return `*3\r\n$3\r\nSET\r\n$${value.length + 1}\r\nk${value}\r\n$${value.length}\r\n${value}\r\n`
    }).join("")
    assert.include(await cli(["--pipe"], sets), "errors: 0, replies: 100000")
    assert.strictEqual(await cli(["GET", "k99999"]), "99999\n")
    assert.strictEqual(await cli(["DBSIZE"]), "100000\n")
  })
})

const hasBenchmark = runs("redis-benchmark", "--version") || runs("redis-benchmark", "--help")

describe.skipIf(!hasBenchmark)(hasBenchmark ? "redis-benchmark" : "redis-benchmark (not installed)", () => {
  // Its first test sends inline commands, which only the port for Redis's protocol takes from the first byte on.
  it.live("runs its tests of commands that exist", () =>
    Effect.gen(function* () {
      const { respAddress, stats } = yield* TestServer.start({ respPort: 0 })
      const options = ["-n", "2000", "-P", "16", "--csv", "-t", "ping,set,get,incr,mset"]
      const output = yield* Effect.promise(() => run("redis-benchmark", ["-p", String(respAddress?.port), ...options]))
      for (const name of ["PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "MSET (10 keys)"]) {
        assert.include(output, `"${name}","`)
      }
      assert.isAtLeast((yield* stats).store.gets, 2000)
    })
  )
})

const PYTHON = `
import redis, sys, time
r = redis.Redis(port=int(sys.argv[1]), decode_responses=True)
assert r.ping()
assert r.set("session:1", "ada", ex=1800)
assert r.get("session:1") == "ada"
assert r.ttl("session:1") == 1800
assert r.mset({"a": 1, "b": 2}) and r.mget("a", "b", "c") == ["1", "2", None]
assert r.incr("a", 41) == 42
assert r.execute_command("CLOCK", "ADVANCE", 1799999) == 1799999
assert r.exists("session:1") == 1
assert r.execute_command("CLOCK", "ADVANCE", 1) == 1800000
assert r.get("session:1") is None
lock = r.set("lock", "me", nx=True, px=10000)
assert lock and not r.set("lock", "you", nx=True, px=10000)
with r.pipeline() as pipe:
    pipe.watch("a")
    pipe.multi()
    pipe.incr("a")
    assert pipe.execute() == [43]
    pipe.watch("a")
    r.set("a", 7)
    pipe.multi()
    pipe.incr("a")
    try:
        pipe.execute()
        raise SystemExit("executed in spite of a change")
    except redis.WatchError:
        pass
assert sorted(r.scan_iter("[ab]")) == ["a", "b"]
assert r.delete(*r.scan_iter()) == 3
assert r.dbsize() == 0
print("done")
`

// Debian's own Python has it, which need not be the first one.
const python = ["python3", "/usr/bin/python3"].find((program) => runs(program, "-c", "import redis"))

describe.skipIf(python === undefined)(python === undefined ? "redis-py (not installed)" : "redis-py", () => {
  it("keeps sessions, locks, counts and transactions", async () => {
    assert.strictEqual(await run(python ?? "", ["-c", PYTHON, String(fixture.server.port)]), "done\n")
  })
})
