/**
 * Bare Node: what `node:net` alone does for this protocol, written as anyone would begin.
 *
 * A `'data'` listener, latin1 strings, a Map, one write a chunk. It has no Effect, TTL, eviction, checks, backpressure
 * or limits. It is a yardstick, not a server to use.
 */
import { createServer } from "node:net"
import { onRelease } from "../load/Helper.ts"

const store = new Map<string, string>()

const answer = (line: string): string => {
  const [name, key = "", value = ""] = line.split(" ")
  if (name === "PUT") {
    store.set(key, value)
    return "OK stored\n"
  }
  if (name === "GET") {
    const found = store.get(key)
    return found === undefined ? "ERROR key not found\n" : `OK ${found}\n`
  }
  return "ERROR unknown command\n"
}

const server = createServer({ noDelay: true }, (socket) => {
  let rest = ""
  socket.on("data", (chunk) => {
    const text = rest + chunk.toString("latin1")
    let replies = ""
    let start = 0
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", start)) {
      replies += answer(text.slice(start, end))
      start = end + 1
    }
    rest = text.slice(start)
    if (replies !== "") socket.write(replies, "latin1")
  })
  socket.on("error", () => socket.destroy())
})

onRelease(() => process.exit(0))
server.listen(Number(process.argv[2]), "127.0.0.1")
