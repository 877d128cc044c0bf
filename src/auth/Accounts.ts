/**
 * Checks who a client is against a table of users. It knows no files: see `Credentials.ts`.
 *
 * Whether a user exists must not be seen from outside. So every name is compared, in constant time, and for a name that
 * nobody has a hash is computed too, of the cost that the hash of some user has.
 *
 * A hash is slow on purpose. When a server restarts, all its clients come at once, so a password that was right once is
 * known by a keyed digest from then on. Wrong passwords always take the slow way, a few at a time, one of each network.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto"
import * as Os from "node:os"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Semaphore from "effect/Semaphore"
import { type AuthenticationService, DEFAULT_USER, type User } from "./Authentication.ts"
import { FailureDelays } from "./FailureDelays.ts"
import { networkOf } from "./Network.ts"
import { NetworkTurns } from "./NetworkTurns.ts"
import * as PasswordHash from "./PasswordHash.ts"

/** A user, and how the password is known: by its hash, or itself. */
export type Account = User & ({ readonly hash: PasswordHash.PasswordHash } | { readonly password: Redacted.Redacted })

interface Known {
  readonly user: User
  readonly nameDigest: Buffer
  readonly hash: PasswordHash.PasswordHash
  /** The digest of the right password, once it is known. Until then it is no digest at all. */
  digest: Buffer
}

const DIGEST_BYTES = 32

/** More would take cores from the server, and libuv has four threads for everything. */
const AT_A_TIME = Math.max(1, Math.min(4, Math.floor(Os.availableParallelism() / 2)))

const isKnown = (known: Known, digest: Buffer): boolean => timingSafeEqual(known.digest, digest)

export class Accounts implements AuthenticationService {
  readonly isRequired = true
  private readonly key = randomBytes(DIGEST_BYTES)
  private readonly delays = new FailureDelays()
  private readonly turns = new NetworkTurns()
  private readonly hashing = Semaphore.makeUnsafe(AT_A_TIME)
  private table: ReadonlyArray<Known> = []

  constructor(accounts: ReadonlyArray<Account>) {
    this.replace(accounts)
  }

  /** From now on these are the users. Who has been let in stays. */
  replace(accounts: ReadonlyArray<Account>): void {
    this.table = accounts.map((account) => ({
      user: { name: account.name, role: account.role },
      nameDigest: this.digestOf(account.name),
      hash: "hash" in account ? account.hash : PasswordHash.unmatchable(PasswordHash.COST),
      digest: "hash" in account ? randomBytes(DIGEST_BYTES) : this.digestOf(Redacted.value(account.password))
    }))
  }

  readonly users: AuthenticationService["users"] = () => this.table.map(({ user }) => user)

  readonly verify: AuthenticationService["verify"] = (address, name, password) =>
    Effect.gen({ self: this }, function* () {
      const network = networkOf(address)
      const delay = this.delays.delay(network, yield* now)
      if (delay > 0) yield* Effect.sleep(delay)
      const found = this.find(name ?? DEFAULT_USER)
      const digest = this.digestOf(Redacted.value(password))
      const isRight = isKnown(found, digest) || (yield* this.checkInTurn(network, found, digest, password))
      if (isRight) this.delays.succeeded(network)
      else this.delays.failed(network, yield* now)
      return isRight ? found.user : undefined
    })

  /** A network has one hash computed at a time. So one that sends a thousand passwords at once is one before all others. */
  private checkInTurn(
    network: string,
    found: Known,
    digest: Buffer,
    password: Redacted.Redacted
  ): Effect.Effect<boolean> {
    return this.turns.take(
      network,
      // Nobody takes a permit who needs no hash any more.
      Effect.suspend(() =>
        isKnown(found, digest) ? Effect.succeed(true) : this.hashing.withPermit(this.check(found, digest, password))
      )
    )
  }

  private check(found: Known, digest: Buffer, password: Redacted.Redacted): Effect.Effect<boolean> {
    return Effect.suspend(() => {
      // The same password may have been waited for.
      if (isKnown(found, digest)) return Effect.succeed(true)
      return Effect.map(PasswordHash.check(Buffer.from(Redacted.value(password), "latin1"), found.hash), (isRight) => {
        if (isRight) found.digest = digest
        return isRight
      })
    })
  }

  /** The user of a name, or somebody whose password nobody has. */
  private find(name: string): Known {
    const digest = this.digestOf(name)
    let found: Known | undefined
    for (const known of this.table) if (timingSafeEqual(known.nameDigest, digest)) found = known
    return found ?? this.nobody(digest)
  }

  /** The same name always gets the same cost, as it would if it were a user's. */
  private nobody(nameDigest: Buffer): Known {
    const { cost } = this.table[nameDigest.readUInt32LE() % this.table.length]?.hash ?? { cost: PasswordHash.COST }
    return {
      user: NOBODY,
      nameDigest,
      hash: PasswordHash.unmatchable(cost),
      digest: randomBytes(DIGEST_BYTES)
    }
  }

  /** The text is latin1. */
  private digestOf(text: string): Buffer {
    return createHmac("sha256", this.key).update(text, "latin1").digest()
  }
}

/** Its password is never right. */
const NOBODY: User = { name: "", role: "read" }

const now = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos / 1_000_000n))
