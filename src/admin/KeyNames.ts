/**
 * What keys of clients are called where people look: as they are, or, where keys are secrets themselves, by a hash. Who
 * knows neither the key nor the secret of this run learns nothing from it but that two keys are the same.
 */
import { createHmac, randomBytes } from "node:crypto"
import type { AdminKeys } from "../server/ServerConfig.ts"

/** Of a hash, in bytes: enough for a million keys to have names of their own. */
const LENGTH = 8

export class KeyNames {
  readonly are: AdminKeys
  private readonly secret = randomBytes(32)

  constructor(are: AdminKeys) {
    this.are = are
  }

  /** `key` is latin1. */
  of(key: string): string {
    if (this.are === "shown") return key
    const digest = createHmac("sha256", this.secret).update(key, "latin1").digest("hex")
    return `#${digest.slice(0, 2 * LENGTH)}`
  }
}
