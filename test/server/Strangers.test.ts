/** Who makes room where there are too many who have not said who they are. */
import { assert, describe, it } from "@effect/vitest"
import * as ServerCounters from "../../src/server/ServerCounters.ts"
import { MOST_STRANGERS, Strangers } from "../../src/server/Strangers.ts"

const make = () => {
  const counters = ServerCounters.make()
  const strangers = new Strangers(counters, () => 0)
  const closed: Array<string> = []
  /** One more, whose password is being checked. */
  const comes = (name: string, address: string) =>
    strangers.waits(strangers.enter(address, () => void closed.push(name)))
  return { counters, strangers, closed, comes }
}

describe("strangers whose passwords are all being checked", () => {
  it("make room for another network if one has most of the places, the last that came from there", () => {
    const { closed, comes, counters, strangers } = make()
    comes("other", "10.0.0.2")
    for (let at = 1; at < MOST_STRANGERS; at++) comes(`guesser ${at}`, "10.0.0.1")
    comes("last", "10.0.0.9")
    assert.isFalse(strangers.makeRoom("10.0.0.1"))
    assert.deepStrictEqual(closed, [])
    assert.isTrue(strangers.makeRoom("10.0.0.3"))
    assert.deepStrictEqual(closed, [`guesser ${MOST_STRANGERS - 1}`])
    assert.strictEqual(counters.unauthenticated, MOST_STRANGERS)
    assert.strictEqual(counters.strangersClosed, 1)
  })

  it("stay where no network has more than the one that would come", () => {
    const { closed, comes, strangers } = make()
    for (let at = 0; at < MOST_STRANGERS; at++) comes("one", `10.0.${at >> 8}.${at & 255}`)
    assert.isFalse(strangers.makeRoom("10.1.0.0"))
    assert.isFalse(strangers.makeRoom("10.0.0.0"))
    assert.deepStrictEqual(closed, [])
  })

  it("stay while somebody has sent nothing", () => {
    const { closed, comes, strangers } = make()
    for (let at = 1; at < MOST_STRANGERS; at++) comes("guesser", "10.0.0.1")
    strangers.enter("10.0.0.2", () => void closed.push("silent"))
    assert.isTrue(strangers.makeRoom("10.0.0.1"))
    assert.deepStrictEqual(closed, ["silent"])
  })
})
