/**
 * The requests of the benchmark and the replies that it must get, in the three protocols of its peers. Pure.
 *
 * This is not a client. It knows the bytes of four exchanges and shares no code with the servers that it measures.
 * Every PUT of a key writes the one value that belongs to the key, so each reply is known in advance to the last byte.
 */

export type WireName = "text" | "resp" | "memcached"

/** One protocol's requests and their replies, as latin1 text. */
export interface Wire {
  /** Stores a value; `ttl` in seconds, 0 for none. */
  readonly put: (key: string, value: string, ttl: number) => string
  /** The reply to a PUT. */
  readonly stored: string
  readonly get: (key: string) => string
  /** The reply to a GET of a key that is there. */
  readonly found: (key: string, value: string) => string
  /** How a client says who it is, and the reply to it. Absent where no server is asked for that. */
  readonly auth?: { readonly request: (password: string) => string; readonly reply: string }
}

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`

export const wires: Readonly<Record<WireName, Wire>> = {
  text: {
    put: (key, value, ttl) => (ttl === 0 ? `PUT ${key} ${value}\n` : `PUT ${key} ${value} ${ttl}\n`),
    stored: "OK stored\n",
    get: (key) => `GET ${key}\n`,
    found: (_key, value) => `OK ${value}\n`,
    auth: { request: (password) => `AUTH ${password}\n`, reply: "OK authenticated\n" }
  },
  resp: {
    put: (key, value, ttl) =>
      ttl === 0
        ? `*3\r\n${bulk("SET")}${bulk(key)}${bulk(value)}`
        : `*5\r\n${bulk("SET")}${bulk(key)}${bulk(value)}${bulk("EX")}${bulk(String(ttl))}`,
    stored: "+OK\r\n",
    get: (key) => `*2\r\n${bulk("GET")}${bulk(key)}`,
    found: (_key, value) => bulk(value),
    auth: { request: (password) => `*2\r\n${bulk("AUTH")}${bulk(password)}`, reply: "+OK\r\n" }
  },
  memcached: {
    put: (key, value, ttl) => `set ${key} 0 ${ttl} ${value.length}\r\n${value}\r\n`,
    stored: "STORED\r\n",
    get: (key) => `get ${key}\r\n`,
    found: (key, value) => `VALUE ${key} 0 ${value.length}\r\n${value}\r\nEND\r\n`
  }
}

/** Keys of 16 bytes. */
export const keyOf = (number: number): string => String(number).padStart(16, "0")

const FILLER = "abcdefghijklmnopqrstuvwxyz".repeat(40)

/** The value that belongs to a key: the key's number, padded. */
export const valueOf = (number: number, size: number): string => {
  const own = `v${number}`
  const start = number % 26
  return own + FILLER.slice(start, start + size - own.length)
}
