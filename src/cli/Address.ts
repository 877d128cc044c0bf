/** A server's address as one word, such as `localhost:7171`. */
import * as Net from "node:net"
import * as Option from "effect/Option"
import type { Parsing } from "./ParsedFlag.ts"

export interface Address {
  readonly host: Option.Option<string>
  readonly port: Option.Option<number>
}

/** A name or an IPv4 address, or what is in brackets, which has to be an IPv6 address. */
const FORM = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s/:[\]]*))(?::([0-9]{1,5}))?$/

const parse = (text: string): Option.Option<Address> => {
  if (Net.isIPv6(text)) return Option.some({ host: Option.some(text), port: Option.none() })
  const match = FORM.exec(text)
  if (match === null || text === "") return Option.none()
  const [, bracketed, name = "", digits] = match
  if (bracketed !== undefined && !Net.isIPv6(bracketed)) return Option.none()
  const host = bracketed ?? name
  const port = digits === undefined ? Option.none() : Option.some(Number(digits))
  if (Option.isSome(port) && (port.value < 1 || port.value > 65_535)) return Option.none()
  if (host === "" && Option.isNone(port)) return Option.none()
  return Option.some({ host: host === "" ? Option.none() : Option.some(host), port })
}

export const address: Parsing<Address> = {
  expected: "host, host:port or :port, such as localhost:7171 or [::1]:7171",
  parse
}
