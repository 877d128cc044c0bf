/** The built `kv-cache loadtest`, against the built server and scripted ones. */
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type LoadResult, LoadResultJson } from "../../src/loadtest/LoadResult.ts"
import { keyOf, makeSource } from "../../src/loadtest/Workload.ts"
import * as Peer from "../client/Peer.ts"
import { closedResult, goodResult } from "../loadtest/fixtures.ts"
import { wordsOf, workloadOf } from "../loadtest/Options.ts"
import * as ScriptedServer from "../loadtest/ScriptedServer.ts"
import * as RawClient from "../server/RawClient.ts"
import * as Program from "./Program.ts"
import * as Session from "./Session.ts"

const loadTest = (address: { readonly host: string; readonly port: number }, ...flags: ReadonlyArray<string>) => [
  "loadtest",
  "--host",
  address.host,
  "--port",
  String(address.port),
  ...flags
]

const SMALL = ["--connections", "4", "--requests", "50"]

const decode = Schema.decodeEffect(LoadResultJson)

/** A directory that is removed after the test. */
const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "kv-cache-"))),
  (directory) => Effect.sync(() => Fs.rmSync(directory, { recursive: true }))
)

const isThere = (file: string) => Effect.sync(() => Fs.existsSync(file))
const read = (file: string) => Effect.sync(() => Fs.readFileSync(file, "utf8"))

/** Waits until a server has the first keys of the run, so that the run is under way. */
const untilUnderWay = Effect.fnUntraced(function* (
  address: { readonly host: string; readonly port: number },
  seed: number,
  connections: number
) {
  const workload = workloadOf({ seed, connections })
  const key = wordsOf(workload).key(keyOf(makeSource(workload, 0).next()))
  const client = yield* RawClient.connect(address)
  while ((yield* client.ask(`EXISTS ${key}\n`)) !== "OK 1\n") yield* Effect.yieldNow
})

describe("a run", () => {
  it.live("with a piped stdout writes the JSON document alone, and the summary to stderr", () =>
    Effect.gen(function* () {
      const { address } = yield* Program.serve()
      const { code, stderr, stdout } = yield* Program.run(loadTest(address, ...SMALL, "--seed", "7"))
      assert.strictEqual(code, 0)
      const result = yield* decode(stdout)
      assert.deepInclude(result, {
        host: address.host,
        port: address.port,
        connections: 4,
        requests_per_connection: 50,
        total_requests: 200,
        failed_requests: 0,
        hit_rate: 1,
        seed: 7,
        loop: "closed",
        ended: "complete"
      })
      assert.include(stderr, "200 (")
      assert.match(stderr, /assessment +figure +target +minimum/)
      assert.match(stderr, /Little's law/)
      assert.match(stderr, /closed loop/)
      assert.match(stderr, /seed +7\n/)
    }).pipe(Effect.scoped)
  )

  it.live("has every field that other tools expect", () =>
    Effect.gen(function* () {
      const { address } = yield* Program.serve()
      const { stdout } = yield* Program.run(loadTest(address, ...SMALL))
      const fields: unknown = JSON.parse(stdout)
      assert.containsAllKeys(
        fields,
        (
          "host port connections requests_per_connection put_ratio start_time end_time total_duration_seconds " +
          "total_requests successful_requests failed_requests put_count get_count put_success get_success cache_hits " +
          "cache_misses hit_rate latency_min latency_max latency_mean latency_median latency_p95 latency_p99 " +
          "latency_p999 latency_stddev requests_per_second error_rate errors histogram seconds seed settings versions " +
          "service_time slices"
        ).split(" ")
      )
    }).pipe(Effect.scoped)
  )

  it.live("writes JSON and report to files in directories that it makes, and the summary to stdout", () =>
    Effect.gen(function* () {
      const { address } = yield* Program.serve()
      const directory = yield* temporaryDirectory
      const output = Path.join(directory, "a", "b", "result.json")
      const report = Path.join(directory, "c", "report.html")
      const { code, stderr, stdout } = yield* Program.run(
        loadTest(address, ...SMALL, "-o", output, "--report", report, "--assert", "errors=0")
      )
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.match(stdout, /^Load test of /)
      assert.include(stdout, "✓ errors=0")
      assert.notInclude(stdout, "\u001b")
      assert.strictEqual((yield* decode(yield* read(output))).total_requests, 200)
      const html = yield* read(report)
      assert.match(html, /^<!doctype html>/i)
      assert.include(html, "errors=0")
    }).pipe(Effect.scoped)
  )

  it.live("with --output - writes JSON to stdout", () =>
    Effect.gen(function* () {
      const { address } = yield* Program.serve()
      const { code, stdout } = yield* Program.run(loadTest(address, ...SMALL, "--output", "-"))
      assert.strictEqual(code, 0)
      assert.strictEqual((yield* decode(stdout)).total_requests, 200)
      // The document is indented, because people read it too.
      assert.match(stdout, /^\{\n {2}"host": "[^"\n]+",\n/)
    }).pipe(Effect.scoped)
  )

  it.live("sends the same requests for the same seed, in one thread or two, and different ones for another seed", () =>
    Effect.gen(function* () {
      const { address } = yield* Program.serve()
      const run = (...flags: ReadonlyArray<string>) =>
        Program.run(loadTest(address, "-c", "5", "-n", "200", ...flags)).pipe(
          Effect.flatMap(({ stdout }) => decode(stdout))
        )
      const one = yield* run("--seed", "11", "--threads", "1")
      const two = yield* run("--seed", "11", "--threads", "2", "--keys", "100")
      const three = yield* run("--seed", "11", "--threads", "2", "--warmup", "100ms")
      const other = yield* run("--seed", "12")
      assert.deepInclude(two, { total_requests: 1000, failed_requests: 0, hit_rate: 1 })
      assert.deepInclude(three, { total_requests: 1000, failed_requests: 0, hit_rate: 1, put_count: one.put_count })
      assert.deepStrictEqual([one.settings.threads, three.settings.threads], [1, 2])
      assert.strictEqual(
        three.seconds.reduce((sum, { requests }) => sum + requests, 0),
        1000
      )
      assert.notStrictEqual(other.put_count, one.put_count)
    }).pipe(Effect.scoped)
  )

  it.live("in an open loop sends as many as the rate implies, in two threads too", () =>
    Effect.gen(function* () {
      const { address } = yield* Program.serve()
      const flags = ["--rate", "500", "--duration", "1s", "-c", "6", "--threads", "2", "--keys", "100"]
      const { code, stderr, stdout } = yield* Program.run(
        loadTest(address, ...flags, "--distribution", "zipf", "--zipf-exponent", "1.1", "--ttl", "60", "-P", "4")
      )
      assert.strictEqual(code, 0)
      const result = yield* decode(stdout)
      assert.deepInclude(result, { loop: "open", total_requests: 500, failed_requests: 0, hit_rate: 1 })
      assert.deepInclude(result.settings, { rate: 500, duration_seconds: 1, warmup_seconds: 0.05, ttl_seconds: 60 })
      assert.isAbove(result.generator.schedule_lag_max, 0)
      assert.match(stderr, /open loop: 500 requests\/s/)
      assert.match(stderr, /schedule lag +[\d.]+ ms mean, [\d.]+ ms at p99/)
      assert.match(stderr, /latency \(ms\) +all +PUT +GET +service time/)
      assert.isAbove(result.generator.schedule_lag_p99, 0)
      assert.isAtMost(result.service_time.mean, result.latency_mean)
    }).pipe(Effect.scoped)
  )

  it.live("exits 1 if an assertion does not hold, and says which", () =>
    Effect.gen(function* () {
      const { address } = yield* Program.serve()
      const flags = ["--assert", "error_rate=0", "--assert", "rps>100000000", "--assert", "hit_rate>99%"]
      const { code, stderr, stdout } = yield* Program.run(loadTest(address, ...SMALL, ...flags))
      assert.strictEqual(code, 1)
      assert.match(stderr, /✓ error_rate=0/)
      assert.match(stderr, /✗ rps>100000000/)
      assert.match(stderr, /\n1 of 3 assertions not met: rps>100000000\b[^\n]*\n/)
      assert.notInclude(stderr, "All five targets met")
      assert.match(stderr, /✓ hit_rate>99%/)
      assert.strictEqual((yield* decode(stdout)).failed_requests, 0)
    }).pipe(Effect.scoped)
  )

  it.live("fails requests that take too long, and counts them by kind", () =>
    Effect.gen(function* () {
      const cache = ScriptedServer.asCache()
      const peer = yield* ScriptedServer.listen((request) => (request.number < 40 ? cache(request) : "nothing"))
      const flags = ["-c", "2", "--duration", "1s", "--timeout", "100ms", "--warmup", "0", "--assert", "error_rate=0"]
      const { code, stderr, stdout } = yield* Program.run(loadTest(peer, ...flags))
      assert.strictEqual(code, 1)
      const { ended, errors, failed_requests, successful_requests } = yield* decode(stdout)
      assert.deepStrictEqual([ended, successful_requests], ["complete", 40])
      // The last request of each of the two connections at least is one that nobody answers.
      assert.isAtLeast(failed_requests, 2)
      assert.deepStrictEqual(errors, { timeout: failed_requests })
      assert.match(stderr, /errors .*: \d+ timeout/)
    }).pipe(Effect.scoped)
  )
})

describe("progress", () => {
  it.live("on a terminal is a bar that is gone when the summary comes", (context) =>
    Effect.gen(function* () {
      if (!Session.hasPty) return context.skip()
      const { address } = yield* Program.serve()
      const session = yield* Session.start(loadTest(address, "--rate", "200", "--duration", "1s", "-c", "2"), {
        terminal: true
      })
      const { code, stdout } = yield* session.ended
      assert.strictEqual(code, 0)
      assert.match(stdout, /\r\[[█░]+\] +\d+% {2}0s elapsed, \d+s left/)
      assert.include(stdout, "\u001b[")
      assert.notInclude(stdout, '{"host"')
      const rows = session.screen.rows().join("\n")
      assert.include(rows, "assessment")
      assert.notMatch(rows, /[█░]/)
    }).pipe(Effect.scoped)
  )

  it.live("elsewhere is a plain line on stderr every few seconds", () =>
    Effect.gen(function* () {
      const { address } = yield* Program.serve()
      const flags = ["--rate", "200", "--duration", "4s", "-c", "2", "--warmup", "0"]
      const { stderr } = yield* Program.run(loadTest(address, ...flags))
      assert.match(stderr, /^3s elapsed, 1s left, [78]\d% done {2}\d+ req\/s {2}p99 [\d.]+ ms\nLoad test of /)
      assert.notInclude(stderr, "\r")
    }).pipe(Effect.scoped)
  )
})

describe("Ctrl-C", () => {
  it.live("ends the run, reports the measurements so far, and exits 130", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const report = Path.join(directory, "report.html")
      for (const threads of ["1", "2"]) {
        const peer = yield* ScriptedServer.listen()
        const flags = ["-c", "4", "--duration", "1h", "--warmup", "0", "--threads", threads, "--report", report]
        const program = yield* Program.start(loadTest(peer, ...flags, "--assert", "rps>100000000"))
        yield* peer.received(500)
        yield* program.kill("SIGINT")
        const { code, stderr, stdout } = yield* program.ended
        assert.strictEqual(code, 130)
        const result = yield* decode(stdout)
        assert.strictEqual(result.ended, "interrupted")
        assert.isAbove(result.successful_requests, 400)
        assert.strictEqual(result.failed_requests, 0)
        assert.strictEqual(result.latency.all.count, result.successful_requests)
        assert.include(stderr, "The run was interrupted")
        assert.isTrue(yield* isThere(report))
      }
    }).pipe(Effect.scoped)
  )

  it.live("in the warm-up reports that nothing was measured", () =>
    Effect.gen(function* () {
      const peer = yield* ScriptedServer.listen()
      const program = yield* Program.start(loadTest(peer, "-c", "2", "--duration", "1h", "--warmup", "1h"))
      yield* peer.received(100)
      yield* program.kill("SIGINT")
      const { code, stdout } = yield* program.ended
      assert.strictEqual(code, 130)
      assert.deepInclude(yield* decode(stdout), { ended: "interrupted", total_requests: 0, errors: {} })
    }).pipe(Effect.scoped)
  )

  it.live("before the first request ends at once, without a document", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      const peer = yield* Peer.listen((socket) => socket.on("data", () => Deferred.doneUnsafe(asked, Effect.void)))
      const program = yield* Program.start(loadTest(peer, "-c", "1"))
      yield* Deferred.await(asked)
      yield* program.kill("SIGINT")
      assert.deepStrictEqual(yield* program.ended, { code: 130, signal: null, stdout: "", stderr: "" })
    }).pipe(Effect.scoped)
  )
})

describe("a missing server", () => {
  it.live("gives one sentence and exit code 2", () =>
    Effect.gen(function* () {
      const port = yield* Peer.unusedPort
      for (const threads of ["1", "2"]) {
        const { code, stderr, stdout } = yield* Program.run(loadTest({ host: "127.0.0.1", port }, "--threads", threads))
        assert.deepStrictEqual([code, stdout], [2, ""])
        assert.strictEqual(
          stderr,
          `ERROR Cannot connect to 127.0.0.1:${port}: connection refused; is the server running?\n`
        )
      }
    })
  )

  it.live("gives the same if it accepts too few connections", () =>
    Effect.gen(function* () {
      const { address } = yield* Program.serve(["--max-connections", "3"])
      for (const flags of [
        ["--threads", "1"],
        ["--threads", "2"],
        ["--keys", "1000"]
      ]) {
        const { code, stderr, stdout } = yield* Program.run(loadTest(address, ...SMALL, ...flags))
        assert.deepStrictEqual([code, stdout], [2, ""])
        const where = `${address.host}:${address.port}`
        assert.strictEqual(stderr, `ERROR ${where} refused the connection: too many connections: the limit is 3.\n`)
      }
    }).pipe(Effect.scoped)
  )
})

describe("a server that dies", () => {
  it.live("ends the run: errors are counted by kind, and the exit code is 1", () =>
    Effect.gen(function* () {
      for (const flags of [[], ["--threads", "2"], ["--rate", "50"]]) {
        const server = yield* Program.serve()
        const args = ["-c", "4", "--duration", "1h", "--warmup", "0", "--seed", "3", ...flags]
        const program = yield* Program.start(loadTest(server.address, ...args))
        yield* untilUnderWay(server.address, 3, 4)
        yield* server.kill("SIGKILL")
        const { code, stderr, stdout } = yield* program.ended
        assert.strictEqual(code, 1)
        const { ended, errors, failed_requests } = yield* decode(stdout)
        assert.strictEqual(ended, "server lost")
        assert.deepStrictEqual(errors, { closed: failed_requests })
        // In an open loop the requests of a connection that is lost go on coming, until all are.
        if (flags.includes("--rate")) assert.isAtLeast(failed_requests, 4)
        else assert.strictEqual(failed_requests, 4)
        assert.include(stderr, "The server was lost")
      }
    }).pipe(Effect.scoped)
  )
})

describe("flags out of range", () => {
  const cases: ReadonlyArray<readonly [flag: string, value: string, expected: string]> = [
    ["--host", "a b", "an address or a host name"],
    ["--port", "0", "a port from 1 to 65535"],
    ["--connections", "0", "a whole number from 1 to 100000"],
    ["--requests", "1.5", "a whole number from 1 to 1000000000"],
    ["--ratio", "1.1", "a number from 0 to 1"],
    ["--ratio", "-0.1", "a number from 0 to 1"],
    ["--key-size", "257", "a whole number from 1 to 256"],
    ["--value-size", "0", "a whole number from 1 to 256"],
    ["--ttl", "2147483648", "a whole number from 0 to 2147483647"],
    ["--pipeline", "0", "a whole number from 1 to 10000"],
    ["--duration", "500ms", "a duration from 1s to 24h, such as 30s, 5m, or a number of seconds."],
    ["--rate", "0", "a number of requests per second from 1 to 10000000"],
    ["--warmup", "25h", "a duration from 0 to 24h, such as 30s, 500ms,"],
    ["--keys", "0", "a whole number from 1 to 16000000"],
    ["--distribution", "pareto", '"uniform" | "zipf"'],
    ["--zipf-exponent", "0", "a number from 0.01 to 10"],
    ["--seed", "4294967296", "a whole number from 0 to 4294967295"],
    ["--timeout", "0", "a duration from 1ms to 24h"],
    ["--threads", "65", "a whole number from 1 to 64"],
    ["--output", "", "a file, or - for stdout"],
    ["--report", "", "a file"],
    ["--assert", "speed>1", "Unknown name 'speed'"],
    ["--assert", "p99", "Not an assertion"],
    ["--assert", "p99<5kg", "Unknown unit 'kg'"]
  ]

  it.live("are refused by name, with the allowed values, before anything is sent", () =>
    Effect.gen(function* () {
      const peer = yield* ScriptedServer.listen()
      yield* Effect.forEach(
        cases,
        Effect.fnUntraced(function* ([flag, value, expected]) {
          const { code, stderr, stdout } = yield* Program.run([
            ...(flag === "--host" || flag === "--port" ? ["loadtest"] : loadTest(peer)),
            `${flag}=${value}`
          ])
          assert.deepStrictEqual([code, stdout], [1, ""], flag)
          const [error = "", help, ...rest] = stderr.split("\n")
          assert.include(error, `ERROR Invalid value for flag ${flag}:`)
          assert.include(error, value)
          assert.include(error, expected)
          assert.deepStrictEqual([help, rest], ["Try 'kv-cache loadtest --help'.", [""]])
        }),
        { concurrency: 2 }
      )
      assert.strictEqual(peer.accepted(), 0)
    }).pipe(Effect.scoped)
  )

  it.live.skipIf(!Fs.existsSync("/dev/full"))(
    "of a file that cannot be written it is said why, after the summary",
    () =>
      Effect.gen(function* () {
        const { address } = yield* Program.serve()
        for (const flag of ["-o", "--report"]) {
          const { code, stderr } = yield* Program.run(loadTest(address, ...SMALL, flag, "/dev/full"))
          assert.strictEqual(code, 1)
          assert.match(stderr, /(^|\n)ERROR Cannot write '\/dev\/full': no space left on device\.\n$/)
        }
      }).pipe(Effect.scoped)
  )

  it.live("and so are files that cannot be written", () =>
    Effect.gen(function* () {
      const peer = yield* ScriptedServer.listen()
      const directory = yield* temporaryDirectory
      const file = Path.join(directory, "file")
      yield* Effect.sync(() => Fs.writeFileSync(file, ""))
      const refused = (...flags: ReadonlyArray<string>) => Program.run(loadTest(peer, ...flags))
      assert.deepInclude(yield* refused("--output", directory), {
        code: 2,
        stderr: `ERROR Cannot write '${directory}': it is a directory.\n`
      })
      const { code, stderr } = yield* refused("--report", Path.join(file, "report.html"))
      assert.strictEqual(code, 2)
      assert.match(stderr, /^ERROR Cannot make the directory of .*report\.html.*\n$/)
      assert.strictEqual(peer.accepted(), 0)
    }).pipe(Effect.scoped)
  )
})

describe("the server's address", () => {
  it.live("is one word, or comes from flags or the environment as for the client", () =>
    Effect.gen(function* () {
      const { address } = yield* Program.serve()
      const port = String(address.port)
      const invocations: ReadonlyArray<readonly [ReadonlyArray<string>, Record<string, string>]> = [
        [[`${address.host}:${port}`], {}],
        [[`:${port}`, "--host", address.host], {}],
        [["--host", address.host], { KV_CACHE_PORT: port }],
        [[address.host], { KV_CACHE_PORT: port }]
      ]
      yield* Effect.forEach(
        invocations,
        Effect.fnUntraced(function* ([flags, environment]) {
          const { code, stdout } = yield* Program.run(["loadtest", ...flags, ...SMALL], { environment })
          assert.strictEqual(code, 0)
          assert.deepInclude(yield* decode(stdout), { ...address, total_requests: 200 })
        }),
        { concurrency: 2 }
      )
    }).pipe(Effect.scoped)
  )
})

describe("numbers", () => {
  it.live("may be written as thousands, millions and percentages", () =>
    Effect.gen(function* () {
      const { address } = yield* Program.serve()
      const flags = ["-c", "2", "-n", "0.1k", "--ratio", "25%", "--keys", "1k", "--seed", "1m"]
      const { code, stdout } = yield* Program.run(loadTest(address, ...flags, "--assert", "requests<1k"))
      assert.strictEqual(code, 0)
      const result = yield* decode(stdout)
      assert.deepInclude(result, { requests_per_connection: 100, put_ratio: 0.25, seed: 1_000_000 })
      assert.strictEqual(result.settings.keys, 1000)
    }).pipe(Effect.scoped)
  )
})

describe("flags that contradict each other", () => {
  it.live("are refused, not dropped", () =>
    Effect.gen(function* () {
      const refusals = [
        [["--duration", "2s", "--requests", "10"], "--duration and --requests exclude each other: "],
        [["localhost:7171", "--host", "localhost"], "The address and --host exclude each other: "],
        [["localhost:7171", "--port", "7171"], "The address and --port exclude each other: "],
        [
          ["localhost:99999"],
          "Invalid value for argument address: 'localhost:99999'. Expected host, host:port or :port"
        ]
      ] as const
      for (const [flags, expected] of refusals) {
        const { code, stderr, stdout } = yield* Program.run(["loadtest", ...flags])
        assert.deepStrictEqual([code, stdout], [1, ""])
        assert.include(stderr, `ERROR ${expected}`)
      }
    })
  )
})

describe("compare", () => {
  it.live("with --fail-if-worse exits with 1 if the second run is worse", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const file = (name: string, result: LoadResult) =>
        Effect.sync(() => {
          const path = Path.join(directory, name)
          Fs.writeFileSync(path, JSON.stringify(result))
          return path
        })
      const closed = closedResult()
      const before = yield* file("before.json", closed)
      const after = yield* file("after.json", { ...closed, requests_per_second: closed.requests_per_second / 2 })
      const unfair = yield* file("unfair.json", { ...closed, connections: 7, requests_per_second: 1 })
      const open = yield* file("open.json", goodResult())
      const run = (...args: ReadonlyArray<string>) => Program.run(["loadtest", "compare", "--fail-if-worse", ...args])
      const worse = yield* run(before, after)
      assert.strictEqual(worse.code, 1)
      assert.match(worse.stdout, /\nWorse: requests\/second\.\n$/)
      assert.strictEqual((yield* run(after, before)).code, 0)
      const same = yield* run(before, before)
      assert.strictEqual(same.code, 0)
      assert.match(same.stdout, /\nNo difference in /)
      const other = yield* run(before, unfair)
      assert.strictEqual(other.code, 2)
      assert.match(
        other.stderr,
        /^ERROR Cannot say whether the second run is worse: the runs differ in more than the server: connections: 100 against 7\.\n$/
      )
      const incomparable = yield* run(before, open)
      assert.strictEqual(incomparable.code, 2)
      assert.match(
        incomparable.stderr,
        /^ERROR Cannot say whether the second run is worse: the first run is a closed loop/
      )
    }).pipe(Effect.scoped)
  )

  it.live("prints two results side by side, under the names of their files", () =>
    Effect.gen(function* () {
      const { address } = yield* Program.serve()
      const directory = yield* temporaryDirectory
      const [a, b] = [Path.join(directory, "a.json"), Path.join(directory, "b.json")]
      yield* Program.run(loadTest(address, ...SMALL, "-o", a))
      yield* Program.run(loadTest(address, ...SMALL, "-P", "2", "-o", b))
      const { code, stderr, stdout } = yield* Program.run(["loadtest", "compare", a, b])
      assert.deepStrictEqual([code, stderr], [0, ""])
      const [head = ""] = stdout.split("\n")
      assert.deepStrictEqual(head.trim().split(/ +/), [a, b, "ratio", "noise"])
      assert.match(stdout, /requests\/second +[\d,]+/)
      assert.match(stdout, /latency p99/)
      assert.include(stdout, "pipeline: 1 against 2")
      assert.notInclude(stdout, "\u001b")
    }).pipe(Effect.scoped)
  )

  it.live("refuses a file that is not a result, in one sentence", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const [absent, other] = [Path.join(directory, "absent.json"), Path.join(directory, "other.json")]
      yield* Effect.sync(() => Fs.writeFileSync(other, '{"host":"localhost"}'))
      const first = yield* Program.run(["loadtest", "compare", absent, absent])
      assert.deepStrictEqual([first.code, first.stdout], [2, ""])
      assert.strictEqual(first.stderr, `ERROR Cannot read '${absent}': no such file or directory.\n`)
      const second = yield* Program.run(["loadtest", "compare", other, other])
      assert.deepStrictEqual([second.code, second.stdout], [2, ""])
      assert.match(second.stderr, /^ERROR '.*other\.json' is no result of a load test: Missing key at port\.\n$/)
    }).pipe(Effect.scoped)
  )
})
