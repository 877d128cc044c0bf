/** A raw socket for suites without Effect: lines out, lines in, as promises that wait for the socket's own events. */
import * as Net from "node:net"

export interface PlainSocket extends AsyncDisposable {
  readonly send: (text: string) => void
  /** Sends lines and resolves with as many replies, without their ends. */
  readonly ask: (...lines: ReadonlyArray<string>) => Promise<ReadonlyArray<string>>
  /** Takes exactly so many bytes; waits for them. */
  readonly bytes: (count: number) => Promise<string>
  /** Takes all that comes until the server has ended its side. */
  readonly untilEnd: () => Promise<string>
  /** What has come and was not taken. */
  readonly received: () => string
  /** Whether the server has ended its side, or cut the connection. */
  readonly hasEnded: () => boolean
}

export const connect = async (address: { readonly host: string; readonly port: number }): Promise<PlainSocket> => {
  const socket = Net.connect({ host: address.host, port: address.port, noDelay: true })
  let text = ""
  let ended = false
  let waiters: ReadonlyArray<() => void> = []
  const changed = () => {
    const woken = waiters
    waiters = []
    for (const waiter of woken) waiter()
  }
  const until = async (condition: () => boolean): Promise<void> => {
    if (condition() || ended) return
    await new Promise<void>((resolve) => {
      waiters = [...waiters, resolve]
    })
    await until(condition)
  }
  const take = (length: number): string => {
    const taken = text.slice(0, length)
    text = text.slice(length)
    return taken
  }
  const end = () => {
    ended = true
    changed()
  }
  socket.setEncoding("latin1").on("data", (chunk) => {
    text += String(chunk)
    changed()
  })
  socket.on("end", end).on("close", end)
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve)
    socket.once("error", reject)
  })
  // An end says all that a test asks.
  socket.on("error", () => {})
  return {
    send: (sent) => void socket.write(sent),
    ask: async (...lines) => {
      socket.write(lines.map((line) => `${line}\n`).join(""))
      await until(() => text.split("\n").length > lines.length)
      const replies = text.split("\n", lines.length)
      take(replies.join("\n").length + 1)
      return replies
    },
    bytes: async (count) => {
      await until(() => text.length >= count)
      return take(count)
    },
    untilEnd: async () => {
      await until(() => false)
      return take(text.length)
    },
    received: () => text,
    hasEnded: () => ended,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        socket.once("close", () => resolve())
        if (socket.closed) resolve()
        socket.destroy()
      })
  }
}

/** The code of the error that a connection is refused with, or nothing where it is made. */
export const refusal = (address: { readonly host: string; readonly port: number }): Promise<string | undefined> =>
  new Promise((resolve) => {
    const socket = Net.connect({ host: address.host, port: address.port })
    socket.once("connect", () => {
      socket.destroy()
      resolve(undefined)
    })
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code))
  })

/** Does something so many times, one after the other. */
export const inTurn = async (count: number, step: (index: number) => Promise<unknown>, index = 0): Promise<void> => {
  if (index === count) return
  await step(index)
  await inTurn(count, step, index + 1)
}
