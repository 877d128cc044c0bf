/**
 * A server's address as a URL: `kv://user:password@host:port`, or `redis://` as Redis's clients write it; `kvs://` and
 * `rediss://` mean TLS.
 *
 * Pure. Whoever shows a URL that cannot be read must not show all of it: see `withoutPassword`.
 */
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"

export interface ServerUrl {
  readonly host: string
  readonly port: number | undefined
  readonly user: string | undefined
  readonly password: Redacted.Redacted | undefined
  readonly isTls: boolean
}

const SCHEMES: ReadonlyMap<string, boolean> = new Map([
  ["kv:", false],
  ["kvs:", true],
  ["redis:", false],
  ["rediss:", true]
])

/** Whether a text is meant as a URL. */
export const isUrl = (text: string): boolean => /^[a-z][a-z0-9+.-]*:\/\//i.test(text)

/** A part as it is meant. Nothing if its percent signs mean nothing. */
const decoded = (part: string): Option.Option<string> => Result.getSuccess(Result.try(() => decodeURIComponent(part)))

/** An IPv6 address without its brackets. */
const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[(.*)\]$/, "$1")

/** Nothing if the text is no URL of a server. A database other than 0, and options, are not accepted. */
export const parse = (text: string): Option.Option<ServerUrl> =>
  Option.gen(function* () {
    const url = yield* Result.getSuccess(Result.try(() => new URL(text)))
    const isTls = yield* Option.fromNullishOr(SCHEMES.get(url.protocol))
    const host = hostOf(url)
    if (host === "" || !/^\/?0?$/.test(url.pathname) || url.search !== "" || url.hash !== "" || url.port === "0") {
      return yield* Option.none()
    }
    const user = yield* decoded(url.username)
    const password = yield* decoded(url.password)
    return {
      host: yield* decoded(host),
      port: url.port === "" ? undefined : Number(url.port),
      user: user === "" ? undefined : user,
      password: password === "" ? undefined : Redacted.make(password, { label: "password" }),
      isTls
    }
  })

/** The text without what may be a password in it. */
export const withoutPassword = (text: string): string => text.replace(/:\/\/.*@/s, "://...@")
