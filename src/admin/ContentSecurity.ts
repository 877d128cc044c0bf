/**
 * What a browser may do with a page of the admin port: run the scripts and take the styles that are in it, by their
 * digests, ask this port, and nothing else.
 */
import { createHash } from "node:crypto"

const digestsOf = (html: string, tag: "script" | "style"): string => {
  const found = html.matchAll(new RegExp(`<${tag}[^>]*>([^]*?)</${tag}>`, "g"))
  const digests = Array.from(found, ([, text = ""]) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`)
  return digests.length === 0 ? "'none'" : digests.join(" ")
}

/** The Content-Security-Policy of a page. Attributes with styles or handlers are not allowed. */
export const contentSecurityPolicy = (html: string): string =>
  [
    "default-src 'none'",
    `script-src ${digestsOf(html, "script")}`,
    `style-src ${digestsOf(html, "style")}`,
    "connect-src 'self'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'"
  ].join("; ")

/** Headers of every answer. */
export const HEADERS = {
  "cache-control": "no-store",
  "content-security-policy": contentSecurityPolicy(""),
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY"
} as const
