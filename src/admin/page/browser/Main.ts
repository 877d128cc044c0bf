/**
 * The page's script: it asks for a picture once a second, and shows what is remembered. It goes on by itself when a
 * server comes back, and begins anew with the page of another version.
 */
import { empty } from "../../../chart/Markup.ts"
import type { Snapshot } from "../../Snapshot.ts"
import { type Verdict, verdictOf } from "../Health.ts"
import { History } from "../History.ts"
import { chartsView, dataView, detailsView, tilesView, verdictView } from "../View.ts"
import { show } from "./Morph.ts"

/** In ms. */
const INTERVAL = 1000
const PATIENCE = 5000

const place = (id: string): HTMLElement => {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`there is no place ${id}`)
  return found
}

const places = {
  address: place("address"),
  state: place("state"),
  pause: place("pause"),
  health: place("health"),
  announcement: place("announcement"),
  now: place("now"),
  charts: place("charts"),
  story: place("story"),
  answer: place("answer"),
  details: place("details"),
  data: place("data")
}

const clock = (): string => new Date().toLocaleTimeString([], { hour12: false })

/** What a request brought. */
type Contact =
  | { readonly _tag: "Picture"; readonly snapshot: Snapshot }
  | { readonly _tag: "Word"; readonly status: number; readonly text: string }
  | { readonly _tag: "Silence" }

const SILENCE: Contact = { _tag: "Silence" }

const ask = (path: string): Promise<Response> =>
  fetch(path, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) })

const askForPicture = (): Promise<Contact> =>
  ask("/stats.json")
    .then(async (response): Promise<Contact> => {
      if (response.ok) return { _tag: "Picture", snapshot: await response.json() }
      return { _tag: "Word", status: response.status, text: (await response.text()).trim() }
    })
    .catch(() => SILENCE)

const history = new History()
let contact: Contact = SILENCE
/** Of the last picture, in ms of the page's clock. */
let received = performance.now()
/** Since when there has been no picture; empty while there is one. */
let lostAt = ""
let isPaused = false
let announced = ""

const unwell = (): Verdict => {
  if (contact._tag === "Word") {
    const { status, text } = contact
    const texts: Readonly<Record<string, string>> = {
      starting: "Starting: it takes no clients yet.",
      draining: "Stopping: it finishes what clients have asked, and takes no new ones."
    }
    return {
      tone: status === 503 ? "fair" : "bad",
      text: texts[text] ?? `The server says ${status}: ${text}.`,
      others: []
    }
  }
  const text =
    history.latest === undefined && lostAt === ""
      ? "Connecting."
      : `Not reachable since ${lostAt}. What you see is from before; it is asked again every second.`
  return { tone: "bad", text, others: [] }
}

const verdict = (): Verdict => {
  const { latest } = history
  if (contact._tag !== "Picture" || latest === undefined) return unwell()
  if (latest.stage !== "serving") {
    return { tone: "fair", text: "Stopping: it finishes what clients have asked, and takes no new ones.", others: [] }
  }
  return verdictOf(history, latest)
}

/** Of a chart: that of a card without its padding. */
const chartWidth = (): number => {
  const slot = places.charts.querySelector(".chart")
  if (slot !== null && slot.clientWidth > 0) return slot.clientWidth
  return Math.min(540, Math.max(280, places.charts.clientWidth - 60))
}

const draw = (): void => {
  const { latest } = history
  const { text, tone, others } = verdict()
  show(places.health, verdictView({ text, tone, others }))
  // Only a change is told to those who listen; figures change with each second.
  if (announced !== tone) {
    announced = tone
    places.announcement.textContent = text
  }
  const isLive = contact._tag === "Picture"
  document.body.classList.toggle("stale", !isLive && latest !== undefined)
  places.state.textContent = isPaused ? "paused" : isLive ? `live, ${clock()}` : "not live"
  const first = text.split(/[:.;]/)[0] ?? ""
  document.title = `${tone === "good" ? "" : `${first} · `}KV-Cache ${location.host}`
  if (latest === undefined) return
  const scene = {
    history,
    snapshot: latest,
    now: (latest.at + (performance.now() - received)) / 1000,
    width: chartWidth()
  }
  show(places.now, tilesView(scene))
  show(places.charts, chartsView(scene))
  show(places.details, detailsView(scene))
  show(places.data, dataView(scene))
}

const look = async (): Promise<void> => {
  contact = await askForPicture()
  if (contact._tag === "Picture") {
    const { snapshot } = contact
    if (snapshot.version !== document.documentElement.dataset["version"]) return location.reload()
    received = performance.now()
    lostAt = ""
    history.add(snapshot)
  } else if (lostAt === "") {
    lostAt = clock()
  }
  draw()
}

const forever = (): void => {
  const begun = performance.now()
  const next = (): void => {
    setTimeout(forever, Math.max(0, INTERVAL - (performance.now() - begun)))
  }
  if (isPaused) next()
  else void look().finally(next)
}

places.pause.addEventListener("click", () => {
  isPaused = !isPaused
  places.pause.setAttribute("aria-pressed", String(isPaused))
  places.pause.textContent = isPaused ? "Go on" : "Pause"
  draw()
})

const tell = async (query: string): Promise<void> => {
  places.answer.textContent = "…"
  const story = await ask(`/explain?${query}`)
    .then((response) => response.text())
    .catch(() => "the server did not answer")
  places.answer.textContent = story.trim().replace(/^./, (letter) => letter.toUpperCase())
}

const input = document.querySelector<HTMLInputElement>("#key")

places.story.addEventListener("submit", (event) => {
  event.preventDefault()
  void tell(`key=${encodeURIComponent(input?.value ?? "")}`)
})

places.details.addEventListener("click", ({ target }) => {
  const button = target instanceof Element ? target.closest<HTMLElement>("[data-key]") : null
  if (button === null) return
  if (input !== null) input.value = button.textContent
  void tell(`key=${button.dataset["key"] ?? ""}&database=${button.dataset["database"] ?? "0"}`)
  places.answer.scrollIntoView({ block: "center" })
})

addEventListener("resize", draw)
places.address.textContent = location.host
show(places.health, verdictView({ tone: "fair", text: "Connecting.", others: [] }))
show(places.now, empty)
forever()
