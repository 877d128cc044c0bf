/**
 * The network that counts as one client: an IPv4 address, or the first 64 bits of an IPv6 address, because whoever has
 * one of these has the other 2^64 too.
 *
 * Pure. What is no IP address is a network of its own.
 */
import * as Net from "node:net"

const GROUPS = 8
const GROUPS_OF_NETWORK = 4

/** The first four groups of an IPv6 address, without leading zeros. */
const firstGroups = (address: string): string => {
  const [head = "", tail] = address.split("::")
  const groupsOf = (text: string): ReadonlyArray<string> => (text === "" ? [] : text.split(":"))
  const before = groupsOf(head)
  const after = groupsOf(tail ?? "")
  // An IPv4 address at the end is two groups. It is never among the first four.
  const places = after.length + (after.at(-1)?.includes(".") === true ? 1 : 0)
  const zeros = tail === undefined ? 0 : GROUPS - before.length - places
  const groups = [...before, ...Array.from({ length: zeros }, () => "0"), ...after]
  return groups
    .slice(0, GROUPS_OF_NETWORK)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":")
}

/** An IPv4 address, as an IPv6 socket shows it. */
const MAPPED = /^::ffff:([0-9]+\.[0-9]+\.[0-9]+\.[0-9]+)$/i

/** The network of an address. */
export const networkOf = (address: string): string => {
  const [plain = ""] = address.split("%")
  const [, mapped] = MAPPED.exec(plain) ?? []
  if (mapped !== undefined) return mapped
  return Net.isIPv6(plain) ? `${firstGroups(plain)}::/64` : plain
}
