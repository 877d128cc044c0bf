/** A server of an engine that is elsewhere, as far as this process is connected to it. Counts are since the start. */
export interface EngineNode {
  /** `host:port`. */
  readonly address: string
  /** `server` is a single one, whatever it is for others. */
  readonly role: "master" | "replica" | "server"
  readonly isUp: boolean
  /** `connected`, or why not, to complete a sentence that begins with the address. */
  readonly state: string
  /** Commands that were sent to it, with those that the engine sends for its own purposes; and those without an answer. */
  readonly commands: number
  readonly failed: number
  /** How long it took to answer, in ms, when that was last measured; nothing before. */
  readonly roundTrip: number | null
}
