/**
 * What an engine should do, in the simplest form: a `Map` whose order is the order of use. The oracle does not know
 * when memory runs out. It is told how many entries were evicted, and knows which.
 */
export interface Value {
  readonly bytes: Uint8Array
  readonly deadline: number
}

export class Oracle {
  private readonly databases = new Map<number, Set<string>>()
  private readonly values = new Map<string, Value>()

  private static place(database: number, key: string): string {
    return `${database} ${key}`
  }

  /** The number of keys that have not expired. */
  size(now: number): number {
    return [...this.values.values()].filter(({ deadline }) => deadline > now).length
  }

  keysIn(database: number, now: number): ReadonlyArray<string> {
    const names = [...(this.databases.get(database) ?? [])]
    return names.filter((key) => this.find(database, key, now) !== undefined)
  }

  find(database: number, key: string, now: number): Value | undefined {
    const value = this.values.get(Oracle.place(database, key))
    return value !== undefined && value.deadline > now ? value : undefined
  }

  touch(database: number, key: string): void {
    const name = Oracle.place(database, key)
    const value = this.values.get(name)
    if (value === undefined) return
    this.values.delete(name)
    this.values.set(name, value)
  }

  set(database: number, key: string, value: Value): void {
    const name = Oracle.place(database, key)
    this.values.delete(name)
    this.values.set(name, value)
    const keys = this.databases.get(database)
    if (keys === undefined) this.databases.set(database, new Set([key]))
    else keys.add(key)
  }

  /** Moves a value to another key, as the most recently used one. */
  rename(database: number, key: string, other: number, otherKey: string): void {
    const value = this.values.get(Oracle.place(database, key))
    if (value === undefined) return
    this.delete(database, key)
    this.set(other, otherKey, value)
  }

  delete(database: number, key: string): void {
    this.values.delete(Oracle.place(database, key))
    this.databases.get(database)?.delete(key)
  }

  /** Removes `count` entries: first all expired ones, then the least recently used ones. */
  evict(count: number, now: number): void {
    let left = count
    for (const [name, { deadline }] of this.values) {
      if (deadline <= now) this.forget(name)
      else if (left > 0) {
        this.forget(name)
        left--
      }
    }
  }

  /** Removes all expired entries, because nobody may see them. */
  forgetExpired(now: number): void {
    for (const [name, { deadline }] of this.values) if (deadline <= now) this.forget(name)
  }

  clear(): void {
    this.values.clear()
    this.databases.clear()
  }

  clearDatabase(database: number): void {
    for (const key of this.databases.get(database) ?? []) this.values.delete(Oracle.place(database, key))
    this.databases.delete(database)
  }

  swap(one: number, other: number): void {
    const renamed = [...this.values].map(([name, value]): readonly [string, Value] => {
      const at = name.indexOf(" ")
      const database = Number(name.slice(0, at))
      const to = database === one ? other : database === other ? one : database
      return [Oracle.place(to, name.slice(at + 1)), value]
    })
    this.values.clear()
    for (const [name, value] of renamed) this.values.set(name, value)
    const keys = this.databases.get(one)
    const others = this.databases.get(other)
    this.databases.delete(one)
    this.databases.delete(other)
    if (keys !== undefined) this.databases.set(other, keys)
    if (others !== undefined) this.databases.set(one, others)
  }

  private forget(name: string): void {
    const at = name.indexOf(" ")
    this.values.delete(name)
    this.databases.get(Number(name.slice(0, at)))?.delete(name.slice(at + 1))
  }
}
