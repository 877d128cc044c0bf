/**
 * The servers of an engine: which of them has a slot, as far as that is known, and one connection to each master. A single
 * server has all slots. It sends no commands of clients.
 *
 * What is known is asked for at the start, now and then, and again and again while a master is missing or a server has said
 * that a slot has moved.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { NO_SOURCE } from "../near/NearCache.ts"
import { SLOTS } from "../near/Slot.ts"
import type { EngineNode } from "../EngineNode.ts"
import { formatNode, type NodeAddress, parseNode } from "./EngineUrl.ts"
import { bulkOf, frameEnd, integerOf, partsIn } from "./Frames.ts"
import { EngineError, NodeConnection, type NodeOptions } from "./NodeConnection.ts"

/** The time between two looks at whether something is missing, in ms. */
const LOOK = 200

/** After so many looks the servers are asked in any case. */
const LOOKS_BETWEEN = 50

/** A range of slots and its master. */
export interface SlotRange {
  readonly first: number
  /** Inclusive. */
  readonly last: number
  readonly master: NodeAddress
}

/** Reads what CLUSTER SLOTS answers. A master without a name of its own is the one that was `asked`. */
const readSlots = (bytes: Buffer, start: number, asked: NodeAddress): ReadonlyArray<SlotRange> => {
  const ranges = partsIn(bytes, start)
  const all: Array<SlotRange> = []
  let at = ranges.first
  for (let range = 0; range < ranges.count; range++) {
    const end = frameEnd(bytes, at)
    const firstAt = partsIn(bytes, at).first
    const lastAt = frameEnd(bytes, firstAt)
    const nodeAt = frameEnd(bytes, lastAt)
    const hostAt = partsIn(bytes, nodeAt).first
    const portAt = frameEnd(bytes, hostAt)
    const host = bulkOf(bytes, hostAt)?.toString("latin1") ?? ""
    all.push({
      first: integerOf(bytes, firstAt, lastAt),
      last: integerOf(bytes, lastAt, nodeAt),
      master: {
        host: host === "" || host === "?" ? asked.host : host,
        port: integerOf(bytes, portAt, frameEnd(bytes, portAt))
      }
    })
    at = end
  }
  return all
}

export interface ClusterOptions extends NodeOptions {
  /** At least one: any servers of a cluster, or a single server. */
  readonly seeds: ReadonlyArray<NodeAddress>
  /** Runs an effect for as long as the engine is used. */
  readonly fork: (effect: Effect.Effect<void>) => void
  /** Which server has each slot, by `NodeConnection.source`, or `NO_SOURCE`. Called whenever that has changed. */
  readonly onSlots: (owners: Int16Array) => void
  /** Others are masters now than before, as after a failover. */
  readonly onMasters: (masters: ReadonlyArray<NodeConnection>) => void
}

export class Cluster {
  /** Whether the engine is a cluster, and no single server. */
  isCluster = false
  /** In the order of their first slots. */
  masters: ReadonlyArray<NodeConnection> = []
  private readonly options: ClusterOptions
  private readonly nodes = new Map<string, NodeConnection>()
  // By `NodeConnection.source`, and the source of each slot.
  private readonly list: Array<NodeConnection | undefined> = []
  private readonly owners = new Int16Array(SLOTS).fill(NO_SOURCE)
  // Of a single server, by database.
  private readonly databases = new Map<number, NodeConnection>()
  // Known by the names in the settings alone. A cluster has names of its own, under which the same servers come again.
  private readonly strangers = new Set<NodeConnection>()
  private isUnsure = false
  private looks = 0
  private asked = 0

  constructor(options: ClusterOptions) {
    this.options = options
  }

  /** Whether any master can be reached. */
  get isReachable(): boolean {
    return this.masters.some(({ isReady }) => isReady)
  }

  /** The servers that it is connected to, or tries to be, by their addresses. */
  get described(): ReadonlyArray<EngineNode> {
    const masters = new Set(this.masters)
    const known = [...this.nodes.values()].filter((node) => !this.isCluster || !this.strangers.has(node))
    const nodes = known.map((node): EngineNode => {
      const its = this.isCluster ? [node] : [node, ...this.databases.values()]
      return {
        address: node.name,
        role: this.isCluster ? (masters.has(node) ? "master" : "replica") : "server",
        isUp: node.isReady,
        state: node.isReady ? "connected" : node.reason,
        commands: its.reduce((sum, { requests }) => sum + requests, 0),
        failed: its.reduce((sum, { lostRequests }) => sum + lostRequests, 0),
        roundTrip: node.roundTrip ?? null
      }
    })
    return nodes.toSorted((one, other) => (one.address < other.address ? -1 : 1))
  }

  /** The master of a slot, unless nobody has it. */
  owner(slot: number, database: number): NodeConnection | undefined {
    if (!this.isCluster && database !== 0) return this.inDatabase(database)
    return this.list[this.owners[slot] ?? NO_SOURCE]
  }

  /** The masters, as they are for a database. */
  all(database: number): ReadonlyArray<NodeConnection> {
    return this.isCluster || database === 0 ? this.masters : [this.inDatabase(database)]
  }

  /** A server says that a slot has moved to another one. */
  moved(slot: number, to: string, from: NodeConnection): NodeConnection | undefined {
    const node = this.redirected(to, from)
    if (node === undefined) return undefined
    this.isUnsure = true
    if (this.owners[slot] !== node.source) {
      this.owners[slot] = node.source
      this.options.onSlots(this.owners)
    }
    return node
  }

  /** A server says that another one, `to`, is to be asked. An address without a host is the server's own. */
  redirected(to: string, from: NodeConnection): NodeConnection | undefined {
    const address = to.startsWith(":")
      ? parseNode(`${formatNode({ ...from.address, port: 1 }).slice(0, -2)}${to}`)
      : parseNode(to)
    return address === undefined ? undefined : this.node(address)
  }

  /** What a server is may have changed. */
  doubt(): void {
    this.isUnsure = true
  }

  /** Finds out what the engine is. Fails if nobody answers, or if the first one that answers refuses us. */
  get discover(): Effect.Effect<void, EngineError> {
    return Effect.suspend(() => this.discoverFrom(0, []))
  }

  private discoverFrom(index: number, failures: ReadonlyArray<string>): Effect.Effect<void, EngineError> {
    const seed = this.options.seeds[index]
    if (seed === undefined) return Effect.fail(new EngineError({ message: failures.join("; "), isRefusal: false }))
    const node = this.add(seed)
    this.strangers.add(node)
    return node.first.pipe(
      Effect.andThen(Effect.suspend(() => this.firstLook(node))),
      Effect.catch((error) => {
        this.remove(node)
        return error.isRefusal ? Effect.fail(error) : this.discoverFrom(index + 1, [...failures, error.message])
      })
    )
  }

  private firstLook(node: NodeConnection): Effect.Effect<void, EngineError> {
    return Effect.flatMap(Effect.result(this.askSlots(node)), (slots) => {
      if (Result.isFailure(slots) && !slots.failure.isRefusal) return Effect.fail(slots.failure)
      // A server that may not be asked (NOPERM) is perhaps one of a cluster.
      if (Result.isFailure(slots) && !slots.failure.message.startsWith("ERR ")) {
        const message = `${node.name} refuses CLUSTER SLOTS: ${slots.failure.message}`
        return Effect.fail(new EngineError({ message, isRefusal: true }))
      }
      this.options.fork(node.run)
      if (Result.isFailure(slots)) this.isSingle(node)
      else {
        this.isCluster = true
        this.apply(slots.success)
      }
      return Effect.void
    })
  }

  private isSingle(node: NodeConnection): void {
    this.masters = [node]
    this.owners.fill(node.source)
  }

  /** Keeps up with what changes. */
  get watch(): Effect.Effect<never> {
    const look = Effect.suspend(() => {
      this.looks++
      const isMissing = this.masters.some((node) => !node.isReady)
      if (!this.isCluster || !(this.isUnsure || isMissing || this.looks % LOOKS_BETWEEN === 0)) return Effect.void
      return this.refresh
    })
    return Effect.forever(Effect.andThen(Effect.sleep(Duration.millis(LOOK)), look))
  }

  /** Asks one of those that are there; if nobody is, those are tried that were named at the start. */
  private get refresh(): Effect.Effect<void> {
    const ready = [...this.nodes.values()].filter((node) => node.isReady)
    const node = ready[this.asked++ % Math.max(1, ready.length)]
    if (node === undefined) {
      for (const seed of this.options.seeds) {
        if (!this.nodes.has(formatNode(seed))) this.strangers.add(this.node(seed))
      }
      return Effect.void
    }
    return Effect.map(Effect.result(this.askSlots(node)), (slots) => {
      if (Result.isFailure(slots)) return
      this.isUnsure = false
      this.apply(slots.success)
    })
  }

  private askSlots(node: NodeConnection): Effect.Effect<ReadonlyArray<SlotRange>, EngineError> {
    return node.ask(["CLUSTER", "SLOTS"], (bytes, start) => readSlots(bytes, start, node.address))
  }

  private apply(ranges: ReadonlyArray<SlotRange>): void {
    if (ranges.length === 0) return
    const masters = new Set<NodeConnection>()
    const owners = new Int16Array(SLOTS).fill(NO_SOURCE)
    for (const { first, last, master } of ranges.toSorted((one, other) => one.first - other.first)) {
      const node = this.node(master)
      masters.add(node)
      owners.fill(node.source, first, last + 1)
    }
    this.owners.set(owners)
    const before = this.masters
    this.masters = [...masters]
    this.options.onSlots(this.owners)
    const isChanged = before.length !== masters.size || before.some((node) => !masters.has(node))
    if (before.length > 0 && isChanged) this.options.onMasters(this.masters)
    // Whoever is no master may be needed again soon: a slot that is moving is asked for there. Until a master is there, only
    // a stranger may be.
    const isNeeded = (node: NodeConnection): boolean =>
      masters.has(node) || (node.isUsable && !(this.strangers.has(node) && this.isReachable))
    for (const node of this.nodes.values()) if (!isNeeded(node)) this.remove(node)
  }

  private remove(node: NodeConnection): void {
    node.end()
    this.strangers.delete(node)
    this.nodes.delete(node.name)
    this.list[node.source] = undefined
  }

  /** The connection to a server, which is made if there is none. */
  private node(address: NodeAddress): NodeConnection {
    const known = this.nodes.get(formatNode(address))
    if (known !== undefined) {
      this.strangers.delete(known)
      return known
    }
    const node = this.add(address)
    this.options.fork(node.run)
    return node
  }

  private add(address: NodeAddress): NodeConnection {
    const free = this.list.indexOf(undefined)
    const source = free === -1 ? this.list.length : free
    const node = new NodeConnection(address, 0, source, this.options)
    this.nodes.set(node.name, node)
    this.list[source] = node
    return node
  }

  private inDatabase(database: number): NodeConnection {
    const known = this.databases.get(database)
    if (known !== undefined) return known
    const [master] = this.masters
    const node = new NodeConnection(master?.address ?? { host: "", port: 0 }, database, database, this.options)
    this.databases.set(database, node)
    this.options.fork(node.run)
    return node
  }
}
