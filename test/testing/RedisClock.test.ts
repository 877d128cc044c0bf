/** The clock of a test server is moved by clients that speak Redis's protocol, too. */
import { assert, describe, it } from "vitest"
import { startTestServer } from "../../src/testing.ts"
import { request } from "../server/resp/Exchanges.ts"
import * as PlainSocket from "./PlainSocket.ts"

const WRONG =
  "-ERR wrong arguments: usage CLOCK NOW, CLOCK ADVANCE <ms>, CLOCK SET <ms>, CLOCK RUN [factor], CLOCK FREEZE, or CLOCK RESET\r\n"
const NO_MILLIS = "-ERR ms must be a whole number of milliseconds from 0 to 2199023255552\r\n"

describe("CLOCK in Redis's protocol", () => {
  it("moves the time in which keys expire, and refuses what it does not understand", async () => {
    await using server = await startTestServer()
    await using socket = await PlainSocket.connect(server)
    const steps: ReadonlyArray<readonly [command: string, reply: string]> = [
      ["SET k v EX 10", "+OK\r\n"],
      ["CLOCK NOW", ":0\r\n"],
      ["clock advance 9999", ":9999\r\n"],
      ["PTTL k", ":1\r\n"],
      ["CLOCK SET 10000", ":10000\r\n"],
      ["PTTL k", ":-2\r\n"],
      ["CLOCK FOO", WRONG],
      ["CLOCK NOW 1", WRONG],
      ["CLOCK ADVANCE", WRONG],
      ["CLOCK ADVANCE x", NO_MILLIS],
      ["CLOCK ADVANCE -1", NO_MILLIS],
      ["CLOCK", "-ERR wrong number of arguments for 'clock' command\r\n"],
      ["CLOCK NOW", ":10000\r\n"]
    ]
    const ask = async (at: number): Promise<void> => {
      const [command, reply] = steps[at] ?? ["", ""]
      if (reply === "") return
      socket.send(request(...command.split(" ")))
      assert.strictEqual(await socket.bytes(reply.length), reply, command)
      await ask(at + 1)
    }
    await ask(0)
  })

  it("ends a pause of all clients, which nothing else could", async () => {
    await using server = await startTestServer()
    await using socket = await PlainSocket.connect(server)
    await using other = await PlainSocket.connect(server)
    socket.send(request("CLIENT", "PAUSE", "100"))
    assert.strictEqual(await socket.bytes(5), "+OK\r\n")
    socket.send(request("PING"))
    other.send(request("CLOCK", "ADVANCE", "100"))
    assert.strictEqual(await other.bytes(6), ":100\r\n")
    assert.strictEqual(await socket.bytes(7), "+PONG\r\n")
  })
})
