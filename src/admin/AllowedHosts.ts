/**
 * Which names a browser may know the admin port by.
 *
 * A page of an attacker may give its own name this machine's address after it was loaded (DNS rebinding). To the browser,
 * what answers there is then the page's own, and the page may read it. But the name stays in each request's Host header.
 */
import * as Net from "node:net"

/** The host of a Host header, without its port, in lower case; nothing where it is none. */
const hostOf = (header: string): string | undefined => {
  const [, bracketed, plain] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:/?#@[\]\s]+))(?::[0-9]{1,5})?$/.exec(header) ?? []
  // A dot at the end says that a name is complete.
  return (bracketed ?? plain)?.toLowerCase().replace(/\.$/, "")
}

/**
 * Says whether a Host header is allowed. Addresses always are: nobody can make a browser take an address for a name. So is
 * none, which no browser sends.
 */
export const allowedHosts = (
  bound: string,
  others: ReadonlyArray<string>
): ((header: string | undefined) => boolean) => {
  const names = new Set(["localhost", bound.toLowerCase(), ...others.map((name) => name.toLowerCase())])
  return (header) => {
    if (header === undefined) return true
    const host = hostOf(header)
    return host !== undefined && (Net.isIP(host) !== 0 || names.has(host))
  }
}
