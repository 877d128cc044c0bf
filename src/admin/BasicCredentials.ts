/** Name and password as a browser or Prometheus sends them: HTTP's Basic scheme (RFC 7617). It checks nothing. */
import * as Redacted from "effect/Redacted"

export interface BasicCredentials {
  /** Nothing if the name is empty: the default user. */
  readonly name: string | undefined
  /** One character a byte. */
  readonly password: Redacted.Redacted
}

/** What an Authorization header says; nothing if there is none, or it is of another scheme or form. */
export const basicCredentials = (header: string | undefined): BasicCredentials | undefined => {
  const [, encoded] = /^basic +([A-Za-z0-9+/]+={0,2}) *$/i.exec(header ?? "") ?? []
  if (encoded === undefined) return undefined
  const text = Buffer.from(encoded, "base64").toString("latin1")
  const colon = text.indexOf(":")
  if (colon === -1) return undefined
  return { name: colon === 0 ? undefined : text.slice(0, colon), password: Redacted.make(text.slice(colon + 1)) }
}
