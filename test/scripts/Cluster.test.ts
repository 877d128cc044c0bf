/** scripts/cluster.sh says what is missing. That it makes a cluster, its readers see: it is the first line of docs/scaling.md. */
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"

const script = fileURLToPath(new URL("../../scripts/cluster.sh", import.meta.url))

const run = (environment: Readonly<Record<string, string>>, ...words: ReadonlyArray<string>) => {
  const { status, stderr, stdout } = spawnSync(script, words, {
    encoding: "utf8",
    env: { ...process.env, ...environment }
  })
  return { status, said: stderr.trim(), stdout }
}

/** Nothing is started from here on. */
const PORT = "54990"

describe("scripts/cluster.sh", () => {
  it("says which program is missing, and which package has it", () => {
    for (const action of ["start", "status"]) {
      assert.deepStrictEqual(run({ REDIS_CLI: "no-redis-cli" }, action, PORT), {
        status: 1,
        said: "there is no no-redis-cli: install it (Debian: apt-get install redis-tools)",
        stdout: ""
      })
    }
    assert.deepStrictEqual(run({ REDIS_SERVER: "no-redis-server", REDIS_CLI: "no-redis-cli" }, "start", PORT), {
      status: 1,
      said: "there is no no-redis-server: install it (Debian: apt-get install redis-server)",
      stdout: ""
    })
  })

  it("says that there is no cluster, and how to start one", () => {
    const said = `no cluster was started from port ${PORT} on: scripts/cluster.sh start ${PORT}`
    assert.deepStrictEqual(run({ REDIS_CLI: "true" }, "status", PORT), { status: 1, said, stdout: "" })
    assert.deepStrictEqual(run({}, "stop", PORT), { status: 1, said, stdout: "" })
  })

  it("shows its usage for anything else", () => {
    for (const words of [[], ["restart"], ["start", "0"], ["start", "7000", "more"]]) {
      const { said, status } = run({}, ...words)
      assert.strictEqual(status, 2)
      assert.match(said, /^Usage: scripts\/cluster\.sh start\|stop\|status \[PORT\]: /)
    }
  })
})
