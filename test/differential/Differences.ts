/** What is known and wanted to be different from Redis, each with its reason. The differential test accepts it. */

export interface Difference {
  /** Why it is so. */
  readonly reason: string
  /** Whether it explains these replies to a command. Replies have one character for each byte. */
  readonly explains: (words: ReadonlyArray<string>, ours: string, redis: string) => boolean
}

export const differences: ReadonlyArray<Difference> = []
