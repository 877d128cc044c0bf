/**
 * Commands that are only the first word of others: what is true of the word itself. Their subcommands have entries of
 * their own.
 */
import type { Group } from "./Entry.ts"

export interface Container {
  readonly group: Group
  readonly since: string
  readonly summary: string
}

/** By name, in capitals. */
export const containers: Readonly<Record<string, Container>> = {
  ACL: { group: "server", since: "6.0.0", summary: "A container for Access List Control commands." },
  CLIENT: { group: "connection", since: "2.4.0", summary: "A container for client connection commands." },
  CONFIG: { group: "server", since: "2.0.0", summary: "A container for server configuration commands." },
  DEBUG: { group: "server", since: "1.0.0", summary: "A container for debugging commands." },
  FUNCTION: { group: "scripting", since: "7.0.0", summary: "A container for function commands." },
  LATENCY: { group: "server", since: "2.8.13", summary: "A container for latency diagnostics commands." },
  MEMORY: { group: "server", since: "4.0.0", summary: "A container for memory diagnostics commands." },
  MODULE: { group: "server", since: "4.0.0", summary: "A container for module commands." },
  OBJECT: { group: "generic", since: "2.2.3", summary: "A container for object introspection commands." },
  SLOWLOG: { group: "server", since: "2.2.12", summary: "A container for slow log commands." }
}
