/** What a client says first to a server that asks who it is, and what it makes of the answer. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import { Client, type ClientOptions } from "../../src/client/Client.ts"
import * as Peer from "./Peer.ts"

const makeClient = (options: ClientOptions) =>
  Effect.map(Layer.build(Client.layer(options)), (context) => Context.get(context, Client))

/** Answers each line with the next of these, and keeps what it got. */
const answering = Effect.fnUntraced(function* (answers: ReadonlyArray<string>) {
  const lines: Array<string> = []
  const peer = yield* Peer.listen((socket) => {
    socket.on("data", (bytes) => {
      for (const line of bytes.toString("latin1").split("\n").slice(0, -1)) {
        lines.push(line)
        socket.write(`${answers[lines.length - 1] ?? "ERROR not expected"}\n`)
      }
    })
  })
  return { peer, lines }
})

describe("a client with credentials", () => {
  it.effect.each<readonly [string | undefined, string]>([
    [undefined, "AUTH secret"],
    ["ada", "AUTH ada secret"]
  ])("of the user %s says so before anything else", ([user, auth]) =>
    Effect.gen(function* () {
      const { lines, peer } = yield* answering(["OK authenticated", "OK stored"])
      const client = yield* makeClient({ ...peer, credentials: { user, password: Redacted.make("secret") } })
      assert.deepStrictEqual(lines, [auth])
      yield* client.put("a", "1")
      assert.deepStrictEqual(lines, [auth, "PUT a 1"])
    })
  )

  it.effect("says so again on the next connection", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const peer = yield* Peer.listen((socket) => {
        socket.on("data", (bytes) => {
          const line = bytes.toString("latin1").trim()
          lines.push(line)
          if (line === "AUTH secret") socket.write("OK authenticated\n")
          else if (lines.length === 2) socket.destroy()
          else socket.write("OK 1\n")
        })
      })
      const client = yield* makeClient({
        ...peer,
        credentials: { password: Redacted.make("secret") },
        reconnect: Schedule.recurs(1)
      })
      assert.strictEqual((yield* Effect.flip(client.get("a")))._tag, "ConnectionClosedError")
      assert.strictEqual(yield* client.get("a"), "1")
      assert.deepStrictEqual(lines, ["AUTH secret", "GET a", "AUTH secret", "GET a"])
    })
  )

  it.effect("that are refused fails with what the server says, and does not try again", () =>
    Effect.gen(function* () {
      const { lines, peer } = yield* answering(["ERROR wrong user or password", "OK authenticated"])
      const error = yield* Effect.flip(
        makeClient({
          ...peer,
          credentials: { user: "ada", password: Redacted.make("secret") },
          reconnect: Schedule.recurs(5)
        })
      )
      assert.strictEqual(error._tag, "AuthenticationError")
      assert.strictEqual(error.message, `127.0.0.1:${peer.port} refused the credentials: wrong user or password.`)
      assert.deepStrictEqual(lines, ["AUTH ada secret"])
    })
  )

  it.effect.each<readonly [string | undefined, string, string]>([
    [undefined, "two words", "password"],
    [undefined, "", "password"],
    [undefined, "x\nFLUSH", "password"],
    ["a b", "secret", "user"],
    ["", "secret", "user"]
  ])("that no line can hold sends nothing of them: %j %j", ([user, password, part]) =>
    Effect.gen(function* () {
      const { lines, peer } = yield* answering(["OK authenticated"])
      const error = yield* Effect.flip(
        makeClient({ ...peer, credentials: { user, password: Redacted.make(password) } })
      )
      assert.strictEqual(error._tag, "AuthenticationError")
      assert.strictEqual(
        error.message,
        `Bad credentials: ${part} must be 1 to 256 printable ASCII characters without whitespace.`
      )
      assert.deepStrictEqual(lines, [])
    })
  )

  it.effect("of a peer that is no server of ours fails as without them", () =>
    Effect.gen(function* () {
      const { peer } = yield* answering(["+OK"])
      const error = yield* Effect.flip(makeClient({ ...peer, credentials: { password: Redacted.make("secret") } }))
      assert.strictEqual(error._tag, "MalformedReplyError")
    })
  )
})
