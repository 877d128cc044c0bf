/** A server in virtual time for each test of a file, and the clients that connect to it, which are closed before it. */
import { afterEach, beforeEach } from "vitest"
import { type RunningTestServer, startTestServer } from "../../src/testing.ts"

export interface Fixture {
  /** The server of the present test. */
  readonly server: RunningTestServer
  /** Closes a client at the end of the present test. Returns the client. */
  readonly closing: <Client>(client: Client, close: (client: Client) => unknown) => Client
}

export const useFixture = (): Fixture => {
  let server: RunningTestServer | undefined
  let closes: Array<() => unknown> = []
  beforeEach(async () => {
    server = await startTestServer()
  })
  afterEach(async () => {
    const ended = closes
    closes = []
    await Promise.all(ended.map((close) => close()))
    await server?.stop()
  })
  return {
    get server() {
      if (server === undefined) throw new Error("no test runs")
      return server
    },
    closing: (client, close) => {
      closes.push(() => close(client))
      return client
    }
  }
}
