/**
 * What the page shows of a server, as markup: figures, charts and tables. Pure: the page's script puts it into the
 * document, and asks for it again with each picture.
 */
import * as Format from "../../chart/Format.ts"
import { type Drawing, latencyAxis, linearAxis } from "../../chart/Frame.ts"
import { empty, type Markup, markup } from "../../chart/Markup.ts"
import { hitRateBySize } from "../../chart/SizeChart.ts"
import { table } from "../../chart/Table.ts"
import { linesOverTime, type Time, throughputOverTime, untilNow } from "../../chart/TimeChart.ts"
import type { Snapshot } from "../Snapshot.ts"
import { hitRateWith, type Verdict } from "./Health.ts"
import { type History, type Interval, KEPT, NOW, type Period } from "./History.ts"
import { encodedKey, shownKey } from "./Key.ts"

/** What is drawn at once. */
export interface Scene {
  readonly history: History
  readonly snapshot: Snapshot
  /** Unix time in s: where the charts end. It goes on while the server cannot be reached. */
  readonly now: number
  /** Of a chart, in CSS pixels. */
  readonly width: number
}

const NONE = "–"

/** A share with one decimal, so that it does not change its width with each picture. */
const percent = (share: number | undefined): string =>
  share === undefined ? NONE : `${Format.fixed(Math.floor(share * 1000) / 10, share === 1 ? 0 : 1)} %`

const perSecond = (count: number, length: number): string => (length === 0 ? NONE : Format.rate(count / length))

const MARKS = { good: "✓", fair: "!", bad: "✗" } as const
const WORDS = { good: "well", fair: "look", bad: "act" } as const

/** The sentence at the top. Its mark tells the tone without colour. */
export const verdictView = ({ others, text, tone }: Verdict): Markup =>
  markup`<div class="health ${tone}">
<span class="sign" role="img" aria-label="${WORDS[tone]}">${MARKS[tone]}</span>
<div><p class="sentence">${text}</p>${
    others.length === 0
      ? empty
      : markup`<ul>${others.map((other) => markup`<li><span class="mark ${other.tone}" role="img" aria-label="${WORDS[other.tone]}">${MARKS[other.tone]}</span> ${other.text}.</li>`)}</ul>`
  }</div>
</div>`

/** Splits a figure from its unit, which is written smaller. */
const split = (figure: string): Markup => {
  const [, value = figure, unit = ""] = /^(-?[0-9.,]+) (.+)$/.exec(figure) ?? []
  return markup`${value}${unit === "" ? empty : markup`<span class="unit">${unit}</span>`}`
}

/** The head of a column of bars, which say to the eye what stands beside them. */
const BAR = markup`<span class="unseen">Bar</span>`

/** A bar that is filled by a share. */
const gauge = (share: number, className = ""): Markup =>
  markup`<svg class="gauge ${className}" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true"><rect class="whole" width="100" height="4"/><rect class="part" width="${Format.fixed(100 * Math.min(1, Math.max(0, share)), 1)}" height="4"/></svg>`

const tile = (label: string, figure: string, note: string, bar: Markup = empty): Markup =>
  markup`<div class="tile"><dt>${label}</dt><dd class="figure">${split(figure)}</dd><dd class="small">${note}</dd>${bar === empty ? empty : markup`<dd class="bar">${bar}</dd>`}</div>`

const share = (part: number, whole: number): number | undefined => (whole === 0 ? undefined : part / whole)

export const tilesView = ({ history, snapshot }: Scene): Markup => {
  const { connections, hits, keys, memory, misses } = snapshot
  const now = history.now ?? NOTHING
  const { length, times } = now
  return markup`<dl class="tiles live">${[
    tile("Hit rate", percent(now.hitRate), `${percent(share(hits, hits + misses))} since the start`),
    tile(
      "Requests",
      `${perSecond(now.requests, length)} /s`,
      `${perSecond(now.reads, length)} reads/s, ${perSecond(now.errors, length)} errors/s`
    ),
    tile(
      "Time of a command",
      times === undefined ? NONE : Format.micros(times.p99),
      times === undefined ? "p99; none was measured of late" : `p99; half take at most ${Format.micros(times.p50)}`
    ),
    memory.limit === null
      ? tile("Memory", Format.bytes(memory.entries), `no limit; ${keysText(keys)}`)
      : tile(
          "Memory",
          Format.bytes(memory.entries),
          `of ${Format.bytes(memory.limit)}; ${keysText(keys)}`,
          gauge(memory.entries / memory.limit)
        ),
    tile("Evicted", `${perSecond(now.evicted, length)} /s`, `${perSecond(now.expired, length)} expire/s`),
    tile(
      "Connections",
      Format.count(connections.open),
      `of ${Format.count(connections.limit)}`,
      gauge(connections.open / connections.limit)
    )
  ]}</dl>`
}

const NOTHING: Period = {
  from: 0,
  length: 0,
  requests: 0,
  errors: 0,
  hits: 0,
  misses: 0,
  reads: 0,
  hitRate: undefined,
  missReasons: undefined,
  evicted: 0,
  expired: 0,
  refused: 0,
  bytesIn: 0,
  bytesOut: 0,
  near: undefined,
  times: undefined
}

const keysText = ({ count, limit }: Snapshot["keys"]): string =>
  limit === null ? Format.plural(count, "key") : `${Format.count(count)} of ${Format.plural(limit, "key")}`

const card = (id: string, heading: string, explanation: string, content: Markup, className = ""): Markup =>
  markup`<section class="card ${className}" aria-labelledby="${id}"><h2 id="${id}">${heading}</h2>${explanation === "" ? empty : markup`<p class="explanation">${explanation}</p>`}${content}</section>`

/** Narrower drawings are higher, for their width. */
const drawingOf = (id: string, width: number): Drawing => ({
  id,
  size: { width, height: width < 420 ? 210 : 230 },
  isLive: true
})

const TICKS = 4

const hitRate = ({ hits, misses }: Interval): number | undefined =>
  hits + misses === 0 ? undefined : (100 * hits) / (hits + misses)

const largest = (values: ReadonlyArray<number>): number => values.reduce((max, value) => Math.max(max, value), 0)

const hitRateChart = (drawing: Drawing, pieces: ReadonlyArray<Interval>, time: Time): Markup => {
  const rates = pieces.map(hitRate).filter((rate) => rate !== undefined)
  return linesOverTime(drawing, pieces, time, {
    title: "Hit rate over time",
    description:
      rates.length === 0
        ? "Nothing was read."
        : `Between ${Format.number(Math.min(...rates), 1)} and ${Format.number(Math.max(...rates), 1)} %; last ${Format.number(rates.at(-1) ?? 0, 1)} %.`,
    yTitle: "hits, % of reads",
    y: linearAxis(100, TICKS, (value) => Format.number(value)),
    lines: [{ name: "hit rate", read: hitRate }],
    say: (piece) => {
      const rate = hitRate(piece)
      return rate === undefined ? "nothing was read" : `${Format.number(rate, 1)} % of reads hit`
    }
  })
}

const timesChart = (drawing: Drawing, pieces: ReadonlyArray<Interval>, time: Time): Markup => {
  const times = pieces.map((piece) => piece.times).filter((known) => known !== undefined)
  const medians = times.map(({ p50 }) => p50).toSorted((a, b) => a - b)
  const typical = medians[Math.floor(medians.length / 2)] ?? 0
  return linesOverTime(drawing, pieces, time, {
    title: "Time of commands over time",
    description:
      times.length === 0
        ? "No command was measured."
        : `The typical median is ${Format.micros(typical)}; the worst p99 is ${Format.micros(largest(times.map(({ p99 }) => p99)))}.`,
    yTitle: "time (µs)",
    y: latencyAxis(
      times.flatMap(({ p50, p99 }) => [p50, p99]),
      typical,
      TICKS
    ),
    lines: [
      { name: "p50", read: (piece) => piece.times?.p50 },
      { name: "p99", read: (piece) => piece.times?.p99 }
    ],
    say: (piece) =>
      piece.times === undefined
        ? "none was measured"
        : `p50 ${Format.micros(piece.times.p50)}, p99 ${Format.micros(piece.times.p99)}`
  })
}

const memoryChart = (drawing: Drawing, pieces: ReadonlyArray<Interval>, time: Time, limit: number | null): Markup => {
  const most = Math.max(limit ?? 0, largest(pieces.map(({ memory }) => memory)))
  const power = most < 1000 ? 0 : Math.floor(Math.log(most * 1.024) / Math.log(1024))
  const unit = 1024 ** power
  const last = pieces.at(-1)?.memory ?? 0
  return linesOverTime(drawing, pieces, time, {
    title: "Memory over time",
    description: `Entries take ${Format.bytes(last)}${limit === null ? "; there is no limit" : ` of ${Format.bytes(limit)}`}.`,
    yTitle: `memory of entries (${Format.bytes(unit).split(" ")[1] ?? "bytes"})`,
    y: linearAxis(most / unit, TICKS, (value) => Format.number(value)),
    lines: [{ name: "entries", read: ({ memory }) => memory / unit }],
    bound: limit === null ? undefined : { name: `limit ${Format.bytes(limit)}`, value: limit / unit },
    say: ({ memory }) => Format.bytes(memory)
  })
}

const removalsChart = (drawing: Drawing, pieces: ReadonlyArray<Interval>, time: Time): Markup => {
  const evicted = ({ evicted, length }: Interval): number => evicted / length
  const expired = ({ expired, length }: Interval): number => expired / length
  const most = largest(pieces.flatMap((piece) => [evicted(piece), expired(piece)]))
  const last = pieces.at(-1)
  return linesOverTime(drawing, pieces, time, {
    title: "Evictions and expirations over time",
    description:
      last === undefined
        ? "Nothing is known yet."
        : `Last, ${Format.rate(evicted(last))} keys per second were evicted, and ${Format.rate(expired(last))} expired.`,
    yTitle: "keys/s",
    y: linearAxis(most, TICKS, Format.compact(most)),
    lines: [
      { name: "evicted", read: evicted },
      { name: "expired", read: expired }
    ],
    say: (piece) => `${Format.rate(evicted(piece))} evicted/s, ${Format.rate(expired(piece))} expired/s`
  })
}

const sizeChart = (drawing: Drawing, { curve }: Snapshot): Markup =>
  curve === null
    ? markup`<p class="absent">There is no curve yet: it takes about 16,000 reads. With <code>--sampling off</code> there is none.</p>`
    : hitRateBySize(
        drawing,
        curve.points.map(({ bytes, missRatio }) => ({ bytes, hitRate: 1 - missRatio })),
        { bytes: curve.here.bytes, hitRate: 1 - curve.here.missRatio }
      )

const sizeText = (snapshot: Snapshot): string => {
  const [half, twice] = [hitRateWith(snapshot, 0.5), hitRateWith(snapshot, 2)]
  return half === undefined || twice === undefined
    ? "How many reads would hit with more memory, or with less."
    : `Estimated from the last minutes: with twice the memory ${percent(twice)} of reads would hit, with half of it ${percent(half)}.`
}

/** What has happened until now, on the axis of the charts. */
const piecesOf = ({ history, now }: Scene): ReadonlyArray<Interval> =>
  history.intervals
    .map((interval) => ({ ...interval, from: interval.from - now }))
    .filter(({ from, length }) => from + length > -KEPT)

export const chartsView = (scene: Scene): Markup => {
  const { snapshot, width } = scene
  const pieces = piecesOf(scene)
  const time = untilNow(KEPT, { width, height: 0 })
  const figure = (id: string, heading: string, explanation: string, draw: (drawing: Drawing) => Markup) =>
    card(id, heading, explanation, markup`<div class="chart">${draw(drawingOf(`${id}-chart`, width))}</div>`)
  return markup`<div class="charts">${[
    figure("hit-rate", "Hit rate", "Of all reads, those that found a value.", (drawing) =>
      hitRateChart(drawing, pieces, time)
    ),
    figure("size", "How large should it be?", sizeText(snapshot), (drawing) => sizeChart(drawing, snapshot)),
    figure("requests", "Requests", "Commands of all clients that were executed.", (drawing) =>
      throughputOverTime(drawing, pieces, time)
    ),
    figure("times", "Time of commands", `In the server, over ${NOW} s each, estimated from a sample.`, (drawing) =>
      timesChart(drawing, pieces, time)
    ),
    figure("memory", "Memory", "What all entries take.", (drawing) =>
      memoryChart(drawing, pieces, time, snapshot.memory.limit)
    ),
    figure(
      "removals",
      "Evictions and expirations",
      "Keys that made room for others, and keys whose time had come.",
      (drawing) => removalsChart(drawing, pieces, time)
    )
  ]}</div>`
}

/** The data of the charts, in pieces that a person can read. */
const ROW = 10

export const dataView = ({ history, now }: Scene): Markup => {
  const rows = Array.from({ length: KEPT / ROW }, (_, index) => index * ROW).flatMap((ago) => {
    const end = now - ago
    const latest = (history.latest?.at ?? 0) / 1000
    const period = history.period(ROW, latest - end)
    if (period === undefined) return []
    const { evicted, expired, length, requests, times } = period
    return [
      [
        `${ago} to ${ago + ROW}`,
        percent(period.hitRate),
        perSecond(requests, length),
        times === undefined ? NONE : Format.micros(times.p50),
        times === undefined ? NONE : Format.micros(times.p99),
        perSecond(evicted, length),
        perSecond(expired, length)
      ]
    ]
  })
  const head = ["Seconds ago", "Hit rate", "Requests/s", "p50", "p99", "Evicted/s", "Expired/s"]
  return markup`<details class="card"><summary>The last ${KEPT / 60} minutes as a table</summary>${table("What the charts show", head, rows)}</details>`
}

const absent = (text: string): Markup => markup`<p class="absent">${text}</p>`

const REASONS: ReadonlyArray<
  readonly [reason: keyof NonNullable<Snapshot["missReasons"]>, what: string, remedy: string]
> = [
  ["evicted", "evicted", "more memory helps"],
  ["expired", "expired", "a longer TTL helps"],
  ["deleted", "deleted", "clients did it"],
  ["cold", "cold", "never there, or long ago"]
]

const missesView = ({ history, snapshot }: Scene): Markup => {
  const { missReasons, misses } = snapshot
  const now = history.now
  const rows = REASONS.map(([reason, what, remedy]) => {
    const total = missReasons?.[reason] ?? 0
    const rate = now?.missReasons === undefined ? NONE : perSecond(now.missReasons[reason], now.length)
    return [
      markup`${what} <span class="aside">${remedy}</span>`,
      rate,
      percent(share(total, misses)),
      gauge(share(total, misses) ?? 0)
    ]
  })
  return card(
    "misses",
    "Why reads miss",
    "",
    missReasons === null
      ? absent("This engine does not know it.")
      : table(
          "Misses by what became of the key",
          ["Key", "Of late /s", "Of all misses", BAR],
          rows,
          "figures bars-last"
        )
  )
}

const commandsView = ({ history, snapshot: { operations } }: Scene): Markup => {
  const rows = operations
    .slice(0, 15)
    .map(({ calls, command, failed, rejected, times }) => [
      markup`<code>${command}</code>`,
      Format.rate(history.rateOf(command)),
      Format.count(calls),
      Format.count(failed + rejected),
      times === null ? NONE : Format.micros(times.p50),
      times === null ? NONE : Format.micros(times.p99)
    ])
  return card(
    "commands",
    "Commands",
    "",
    rows.length === 0
      ? absent("No client has sent one yet.")
      : table("The most used since the start", ["Command", "Of late /s", "Calls", "Errors", "p50", "p99"], rows)
  )
}

const ago = (seconds: number): string => `${Format.seconds(Math.max(0, Math.round(seconds)))} ago`

const slowView = ({ now, snapshot: { slowCommands } }: Scene): Markup => {
  const rows = slowCommands
    .slice(0, 10)
    .map(({ address, at, micros, name, words }) => [
      markup`<code>${words.map(shownKey).join(" ")}</code>`,
      Format.micros(micros),
      ago(now - at),
      name === "" ? address : `${name} (${address})`
    ])
  return card(
    "slow",
    "Slow commands",
    "",
    rows.length === 0
      ? absent("None has been slow. CONFIG SET slowlog-log-slower-than says from which time on one is, in µs.")
      : table("The newest first, without their values", ["Command", "Took", "When", "Client"], rows, "figures words")
  )
}

/** A key that one can ask the story of. */
const keyButton = (key: string, database: number): Markup =>
  markup`<button type="button" class="key" data-key="${encodedKey(key)}" data-database="${database}" title="tell its story">${shownKey(key)}</button>${database === 0 ? empty : markup` <span class="aside">database ${database}</span>`}`

const hashedKey = (key: string): Markup => markup`<code>${key}</code>`

const keyCell = ({ keysAre }: Snapshot, key: string, database: number): Markup =>
  keysAre === "hashed" ? hashedKey(key) : keyButton(key, database)

const hotView = ({ snapshot }: Scene): Markup => {
  const { hotKeys } = snapshot
  const keys = (hotKeys ?? []).slice(0, 10)
  const most = largest(keys.map(({ count }) => count))
  const rows = keys.map(({ count, database, error, key }) => [
    keyCell(snapshot, key, database),
    Format.count(count),
    error === 0 ? NONE : Format.count(error),
    gauge(count / most)
  ])
  return card(
    "hot",
    "Hottest keys",
    "",
    rows.length === 0
      ? absent(
          hotKeys === null ? "This engine does not sample them, or --sampling is off." : "No key was used of late."
        )
      : table(
          "Uses in the last minute, from a sample",
          ["Key", "Uses", "Too many by at most", BAR],
          rows,
          "figures bars-last words"
        )
  )
}

const bigView = ({ snapshot }: Scene): Markup => {
  const { bigKeys } = snapshot
  const keys = (bigKeys ?? []).slice(0, 10)
  const most = largest(keys.map(({ bytes }) => bytes))
  const rows = keys.map(({ bytes, database, key }) => [
    keyCell(snapshot, key, database),
    Format.bytes(bytes),
    gauge(bytes / most)
  ])
  return card(
    "big",
    "Largest keys",
    "",
    rows.length === 0
      ? absent(bigKeys === null ? "This engine does not sample them, or --sampling is off." : "None was found yet.")
      : table("As far as the walk has found them", ["Key", "Memory", BAR], rows, "figures bars-last words")
  )
}

const facts = (items: ReadonlyArray<readonly [name: string, value: string]>): Markup =>
  markup`<dl class="settings">${items.map(([name, value]) => markup`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`

const serverView = ({ history, snapshot }: Scene): Markup => {
  const { connections, defects, keys, loopDelay, memory, network, removals, uptime, version } = snapshot
  const now = history.now ?? NOTHING
  const more = [
    ...(connections.unauthenticated === null
      ? []
      : [`${Format.count(connections.unauthenticated)} have not said who they are`]),
    ...(connections.blocked === 0 ? [] : [`${Format.count(connections.blocked)} wait`]),
    `${Format.count(connections.accepted)} accepted, ${Format.count(connections.refused)} refused, ${Format.count(connections.idled)} closed as idle`
  ]
  return card(
    "server",
    "The server",
    "",
    facts([
      ["Version", `KV-Cache ${version}, up for ${Format.seconds(uptime)}`],
      ["Connections", `${Format.count(connections.open)} open; ${more.join("; ")}`],
      [
        "Network",
        `${Format.bytes(Math.round(now.length === 0 ? 0 : now.bytesIn / now.length))}/s in, ${Format.bytes(Math.round(now.length === 0 ? 0 : now.bytesOut / now.length))}/s out; ${Format.bytes(network.in)} and ${Format.bytes(network.out)} in all`
      ],
      ["Keys", `${keysText(keys)}, ${Format.count(keys.timed)} with a TTL`],
      [
        "Gone",
        `${Format.count(removals.evicted)} evicted, ${Format.count(removals.expired)} expired, ${Format.count(removals.deleted)} deleted, ${Format.count(removals.replaced)} replaced`
      ],
      [
        "Memory",
        `${Format.bytes(memory.entries)} of entries (${Format.bytes(memory.peak)} at most, ${Format.bytes(memory.held)} held for them); ${Format.bytes(memory.clients)} of ${Format.bytes(memory.clientsLimit)} for clients; ${Format.bytes(memory.resident)} resident, ${Format.bytes(memory.heap)} of it heap`
      ],
      [
        "Event loop",
        `in the last minute ${Format.millis(loopDelay.p50)} late at the median, ${Format.millis(loopDelay.p99)} at p99, ${Format.millis(loopDelay.max)} at most`
      ],
      ["Defects", defects === 0 ? "none" : Format.count(defects)]
    ])
  )
}

const engineView = ({ history, snapshot: { engine } }: Scene): Markup => {
  const { kind, nearCache, nodes } = engine
  if (nearCache === null && nodes.length === 0) return empty
  const near = history.now?.near
  const nearFacts =
    nearCache === null
      ? empty
      : facts([
          [
            "Near cache",
            `${percent(near === undefined ? undefined : share(near.hits, near.hits + near.misses))} of reads hit it of late, ${percent(share(nearCache.hits, nearCache.hits + nearCache.misses))} since the start`
          ],
          [
            "Copies",
            `${Format.plural(nearCache.entries, "entry").replace("entrys", "entries")}, ${Format.bytes(nearCache.bytes)}; ${Format.count(nearCache.invalidated)} dropped because the engine said that they have changed`
          ]
        ])
  const rows = nodes.map(({ address, commands, failed, isUp, roundTrip }) => [
    markup`<code>${address}</code>`,
    markup`<span class="mark ${isUp ? "good" : "bad"}">${isUp ? "✓ up" : "✗ down"}</span>`,
    Format.count(commands),
    Format.count(failed),
    roundTrip === null ? NONE : Format.millis(roundTrip)
  ])
  const nodeTable =
    rows.length === 0
      ? empty
      : table("Its nodes", ["Node", "State", "Commands", "Failed", "Last reply took"], rows, "figures")
  return card("engine", `The engine: ${kind}`, "The keys are not in this process.", markup`${nearFacts}${nodeTable}`)
}

export const detailsView = (scene: Scene): Markup =>
  markup`<div class="details">${[
    engineView(scene),
    hotView(scene),
    bigView(scene),
    missesView(scene),
    commandsView(scene),
    slowView(scene),
    serverView(scene)
  ]}</div>`
