/** Figures and tables as text. Tables are Markdown, aligned so that they can be read as plain text too. Pure. */
import type { Summary } from "./Statistics.ts"

/** A number with enough digits to compare and no more: 87,512, 12.3, 0.72. */
export const number = (value: number): string => {
  if (!Number.isFinite(value)) return "-"
  const digits = Math.abs(value) >= 1000 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

/** A median with its spread over the rounds, if there was more than one. */
export const spread = (summary: Summary): string =>
  summary.min === summary.max || Number.isNaN(summary.median)
    ? number(summary.median)
    : `${number(summary.median)} (${range(summary)})`

export const range = ({ max, min }: Summary): string => (Number.isFinite(min) ? `${number(min)}..${number(max)}` : "-")

export const percent = (share: number): string => (Number.isFinite(share) ? `${Math.round(share * 100)} %` : "-")

/** A table. The first row is the header. The first column is text, the others are figures. */
export const table = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const [header = [], ...body] = rows
  const widths = header.map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)))
  const line = (row: ReadonlyArray<string>): string =>
    `| ${widths.map((width, column) => align(row[column] ?? "", width, column)).join(" | ")} |`
  const rule = `| ${widths.map((width, column) => (column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`)).join(" | ")} |`
  return [line(header), rule, ...body.map(line)].join("\n")
}

const align = (text: string, width: number, column: number): string =>
  column === 0 ? text.padEnd(width) : text.padStart(width)
