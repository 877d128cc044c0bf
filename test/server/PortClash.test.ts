/** Settings that name one port. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { type Ports, withoutClash } from "../../src/server/PortClash.ts"

const none = { host: "127.0.0.1", port: undefined }
const messageOf = (ports: Ports): string | undefined =>
  Result.match(withoutClash(ports), { onFailure: ({ message }) => message, onSuccess: () => undefined })

describe("two settings that name one port", () => {
  it("are told apart from another program, with a way on", () => {
    const host = "127.0.0.1"
    for (const [ports, message] of [
      [
        { host, port: 7, respPort: 7 },
        "--port and --resp-port are both 7: give two ports, or one, since --port takes Redis's clients, too."
      ],
      [{ host, port: 7, tlsPort: 7 }, "--port and --tls-port are both 7: give two ports, or --port off."],
      [{ ...none, tlsPort: 7, respPort: 7 }, "--tls-port and --resp-port are both 7: give two ports."],
      [{ host, port: 7, adminPort: 7 }, "--port and --admin-port are both 7: give two ports."],
      [{ host, port: 7, adminHost: "0.0.0.0", adminPort: 7 }, "--port and --admin-port are both 7: give two ports."],
      [
        { host: "::", port: 8, tlsPort: 9, adminHost: host, adminPort: 9 },
        "--tls-port and --admin-port are both 9: give two ports."
      ]
    ] as const) {
      assert.strictEqual(messageOf(ports), message)
    }
  })

  it("may be any free ones, or those of two addresses", () => {
    assert.isUndefined(messageOf(none))
    assert.isUndefined(messageOf({ host: "127.0.0.1", port: 0, tlsPort: 0, respPort: 0, adminPort: 0 }))
    assert.isUndefined(messageOf({ host: "127.0.0.1", port: 7, adminHost: "127.0.0.2", adminPort: 7 }))
    assert.isUndefined(messageOf({ host: "127.0.0.1", port: 6, tlsPort: 7, respPort: 8, adminPort: 9 }))
  })
})
