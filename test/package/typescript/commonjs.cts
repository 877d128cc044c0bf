/** CommonJS has the same types. */
import assert = require("node:assert/strict")
import library = require("effect-kv-cache")
import testing = require("effect-kv-cache/testing")

const options: testing.StartOptions = { maxKeys: 10 }
const layer: (options: library.ClientOptions) => unknown = library.Client.layer
assert.equal(typeof layer, "function")

const main = async (): Promise<void> => {
  const server: testing.RunningTestServer = await testing.startTestServer(options)
  try {
    await server.advance("1 minute")
    assert.equal(server.now(), 60_000)
  } finally {
    await server.stop()
  }
}

void main()
