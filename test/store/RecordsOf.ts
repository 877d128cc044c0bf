import { Records } from "../../src/store/Records.ts"

/** Takes further records, one after the other. */
export const takeMore = (records: Records, count: number): void => {
  for (let i = 0; i < count; i++) records.take()
}

/** Records of which so many are in use, numbered from 0 on. */
export const recordsOf = (count: number): Records => {
  const records = new Records()
  takeMore(records, count)
  return records
}
