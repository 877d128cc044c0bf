/** Where an engine is, as one word: `redis://user@host:7000,host:7001`. It connects to nothing. */
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"

/** A node's place. */
export interface NodeAddress {
  readonly host: string
  readonly port: number
}

export interface EngineUrl {
  readonly isTls: boolean
  readonly user: string | undefined
  readonly password: Redacted.Redacted | undefined
  /** At least one. Of a cluster, any of its nodes. */
  readonly nodes: ReadonlyArray<NodeAddress>
}

const DEFAULT_PORT = 6379
const MAX_PORT = 65_535

/** What is allowed. */
export const FORM =
  "redis:// or rediss://, then user@ if there is one, then host:port, or several with commas between, and no database"

/** At the end may be the number of the database, which can only be 0: clients choose theirs themselves. */
const URL = /^(rediss?):\/\/(?:([^@/]*)@)?([^@/?#]+)(?:\/0?)?$/
const NODE = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s/:[\]]+))(?::([0-9]{1,5}))?$/

export const formatNode = ({ host, port }: NodeAddress): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`

/** A node as `host:port`, `[address]:port`, or the host alone. */
export const parseNode = (text: string): NodeAddress | undefined => {
  const [, bracketed, name, digits] = NODE.exec(text) ?? []
  const host = bracketed ?? name
  const port = digits === undefined ? DEFAULT_PORT : Number(digits)
  return host === undefined || port < 1 || port > MAX_PORT ? undefined : { host, port }
}

const decoded = (text: string): Option.Option<string> =>
  /%(?![0-9a-fA-F]{2})/.test(text) ? Option.none() : Option.some(decodePercent(text))

const decodePercent = (text: string): string =>
  Buffer.from(
    text.replaceAll(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    "latin1"
  ).toString("utf8")

export const parseEngineUrl = (text: string): Option.Option<EngineUrl> => {
  const [, scheme, user, places] = URL.exec(text) ?? []
  if (scheme === undefined || places === undefined) return Option.none()
  const nodes = places.split(",").map(parseNode)
  if (nodes.some((node) => node === undefined)) return Option.none()
  const colon = user?.indexOf(":") ?? -1
  const name = decoded(colon === -1 ? (user ?? "") : (user ?? "").slice(0, colon))
  const password = decoded(colon === -1 ? "" : (user ?? "").slice(colon + 1))
  if (Option.isNone(name) || Option.isNone(password)) return Option.none()
  return Option.some({
    isTls: scheme === "rediss",
    user: name.value === "" ? undefined : name.value,
    password: password.value === "" ? undefined : Redacted.make(password.value, { label: "password" }),
    nodes: nodes.filter((node) => node !== undefined)
  })
}
