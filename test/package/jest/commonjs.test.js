const net = require("node:net")
const { once } = require("node:events")
const { startTestServer } = require("effect-kv-cache/testing")

const ask = async (socket, line) => {
  socket.write(`${line}\n`)
  return String((await once(socket, "data"))[0])
}

describe.each(["without", "with"])("%s fake timers", (timers) => {
  let server
  let socket

  beforeEach(async () => {
    if (timers === "with") jest.useFakeTimers()
    server = await startTestServer()
    socket = net.connect(server.port, server.host)
  })

  afterEach(async () => {
    await server.stop()
    jest.useRealTimers()
  })

  test("a key expires between two requests", async () => {
    expect(await ask(socket, "PUT token t 30")).toBe("OK stored\n")
    await server.advance("29 seconds")
    expect(await ask(socket, "GET token")).toBe("OK t\n")
    await server.advance("1 second")
    expect(await ask(socket, "GET token")).toBe("ERROR key not found\n")
  })

  test("a stall costs no time", async () => {
    server.faults.set({ kind: "delay", millis: 30_000 })
    const late = ask(socket, "GET token")
    await server.advance("30 seconds")
    expect(await late).toBe("ERROR key not found\n")
  })
})

test("the package can be required", () => {
  expect(Object.keys(require("effect-kv-cache"))).toContain("Client")
})
