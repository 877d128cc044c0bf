/** Two settings that name one port: whoever comes second would be told that another program listens there. */
import * as Result from "effect/Result"
import { ListenError } from "./Listener.ts"

/** The settings that name ports. A port that is not given is not opened; 0 is any free one. */
export interface Ports {
  readonly host: string
  readonly port: number | undefined
  readonly tlsPort?: number | undefined
  readonly respPort?: number | undefined
  readonly adminHost?: string
  readonly adminPort?: number | undefined
}

/** Addresses that stand for all. */
const EVERYWHERE: ReadonlySet<string> = new Set(["0.0.0.0", "::"])

const overlap = (one: string, other: string): boolean => one === other || EVERYWHERE.has(one) || EVERYWHERE.has(other)

const hintFor = (one: string, other: string): string => {
  if (one !== "--port" || other === "--admin-port") return "give two ports."
  return other === "--resp-port"
    ? "give two ports, or one, since --port takes Redis's clients, too."
    : "give two ports, or --port off."
}

/** Fails if two of them are one. */
export const withoutClash = (ports: Ports): Result.Result<void, ListenError> => {
  const { adminHost = ports.host, adminPort, host, port, respPort, tlsPort } = ports
  const all = [
    { flag: "--port", host, at: port },
    { flag: "--tls-port", host, at: tlsPort },
    { flag: "--resp-port", host, at: respPort },
    { flag: "--admin-port", host: adminHost, at: adminPort }
  ].filter(({ at }) => at !== undefined && at !== 0)
  for (const [index, one] of all.entries()) {
    const other = all.slice(index + 1).findLast(({ at, host }) => at === one.at && overlap(host, one.host))
    if (other === undefined) continue
    const message = `${one.flag} and ${other.flag} are both ${one.at}: ${hintFor(one.flag, other.flag)}`
    return Result.fail(new ListenError({ code: "EADDRINUSE", message }))
  }
  return Result.void
}
