/** The installed command, under both names that npx takes: the command's and the package's. */
import assert from "node:assert/strict"
import { execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { readdirSync, readFileSync } from "node:fs"
import { createInterface } from "node:readline"
import { test } from "node:test"
import { promisify } from "node:util"

const run = promisify(execFile)
const { version } = JSON.parse(readFileSync("node_modules/effect-kv-cache/package.json", "utf8"))

for (const name of ["kv-cache", "effect-kv-cache"]) {
  test(`npx ${name} says its version`, async () => {
    assert.deepEqual(await run("npx", ["--offline", name, "--version"]), {
      stdout: `kv-cache v${version}\n`,
      stderr: ""
    })
  })
}

test("kv-cache serves, and answers its client", async () => {
  const server = spawn("node_modules/.bin/kv-cache", ["serve", "--port", "0"], { stdio: ["ignore", "ignore", "pipe"] })
  try {
    let port
    for await (const line of createInterface({ input: server.stderr })) {
      port = /127\.0\.0\.1:(\d+)/.exec(line)?.[1]
      if (port !== undefined) break
    }
    const client = (...words) => run("node_modules/.bin/kv-cache", ["client", "--port", port, ...words])
    assert.equal((await client("PUT", "a", "1")).stdout, "OK stored\n")
    assert.equal((await client("GET", "a")).stdout, "OK 1\n")
    server.stderr.resume()
    server.kill("SIGTERM")
    assert.deepEqual(await once(server, "exit"), [0, null])
  } finally {
    server.kill("SIGKILL")
  }
})

test("files that bring the work of others along carry its licenses", () => {
  const dist = "node_modules/effect-kv-cache/dist"
  for (const file of ["main.js", ...readdirSync(`${dist}/shared`).map((name) => `shared/${name}`)]) {
    if (!/\.(c?js)$/.test(file)) continue
    const text = readFileSync(`${dist}/${file}`, "utf8")
    const bundles = text.includes('"~effect/')
    assert.equal(
      /Copyright \(c\) 2023 Effectful Technologies Inc\n\nPermission is hereby granted/.test(text),
      bundles,
      file
    )
  }
})
