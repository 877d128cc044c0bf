import { once } from "node:events"
import * as net from "node:net"
import { startTestServer } from "effect-kv-cache/testing"
import { expect, test } from "vitest"

test("a token expires between two requests", async () => {
  await using server = await startTestServer()
  const socket = net.connect(server.port, server.host)
  const ask = async (line: string) => {
    socket.write(`${line}\n`)
    return String((await once(socket, "data"))[0])
  }
  expect(await ask("PUT token t 30")).toBe("OK stored\n")
  await server.advance("30 seconds")
  expect(await ask("GET token")).toBe("ERROR key not found\n")
})
