/** The line editor as a pure function: keys go in, line and cursor come out. `|` marks the cursor. */
import { assert, describe, it } from "@effect/vitest"
import * as LineEditor from "../../src/client/LineEditor.ts"
import { keys } from "./Keys.ts"
import * as Screen from "./Screen.ts"

const server: LineEditor.Grammar = [
  { name: "PUT", args: ["<key>", "<value>", "[ttl]"] },
  { name: "GET", args: ["<key>"] },
  { name: "EXISTS", args: ["<key>"] },
  { name: "QUIT", args: [] }
]

const grammar: LineEditor.Grammar = [
  ...server,
  { name: "exit", args: [] },
  { name: "time", args: ["<command>"], next: server },
  { name: "help", args: ["[command]"], next: server.map(({ name }) => ({ name, args: [] })) }
]

const run = (script: string, history: ReadonlyArray<string> = []) => {
  let editor = LineEditor.make(history)
  const outcomes: Array<LineEditor.Outcome> = []
  for (const key of keys(script)) {
    const pressed = LineEditor.press(editor, key, grammar)
    editor = pressed.editor
    if (pressed.outcome !== undefined) {
      outcomes.push(pressed.outcome)
      if (pressed.outcome._tag === "Submit") editor = LineEditor.next(editor, history)
    }
  }
  return { editor, outcomes }
}

const shown = (script: string, history?: ReadonlyArray<string>) => {
  const { editor } = run(script, history)
  return `${editor.line.slice(0, editor.cursor)}|${editor.line.slice(editor.cursor)}`
}

const view: LineEditor.View = { prompt: ">>> ", columns: 40, grammar, dim: (text) => `\x1b[2m${text}\x1b[0m` }

const draw = (editor: LineEditor.Editor, columns: number, prompt = view.prompt) => {
  const screen = Screen.make()
  screen.write(LineEditor.render(editor, { ...view, columns, prompt }))
  return { rows: screen.rows(), column: screen.column() }
}

describe("editing", () => {
  it.each([
    ["types", "GET foo", "GET foo|"],
    ["inserts at the cursor", "ac[left]b", "ab|c"],
    ["moves left and right, and not beyond the ends", "ab[left][left][left][right]", "a|b"],
    ["moves left and right with Ctrl", "ab[C-b][C-b][C-f]", "a|b"],
    ["goes to the start", "abc[home]", "|abc"],
    ["goes to the start with Ctrl-A", "abc[C-a]x", "x|abc"],
    ["goes to the end", "abc[home][end]", "abc|"],
    ["goes to the end with Ctrl-E", "abc[C-a][C-e]", "abc|"],
    ["moves by words", "PUT foo bar[M-b][M-b][M-f]", "PUT foo| bar"],
    ["moves by words with Ctrl and arrows", "PUT foo bar[C-left][C-left][C-right]", "PUT foo| bar"],
    ["erases before the cursor", "abc[left][backspace]", "a|c"],
    ["erases nothing at the start", "a[home][backspace]", "|a"],
    ["deletes at the cursor", "abc[home][delete]", "|bc"],
    ["deletes with Ctrl-D where there is something", "abc[home][C-d]", "|bc"],
    ["deletes nothing at the end", "abc[C-d][delete]", "abc|"],
    ["cuts to the end", "abc def[M-b][C-k]", "abc |"],
    ["cuts to the start", "abc def[M-b][C-u]", "|def"],
    ["cuts a word", "PUT foo bar  [C-w]", "PUT foo |"],
    ["cuts a word with Meta and backspace", "PUT foo bar[M-backspace]", "PUT foo |"],
    ["cuts the word ahead", "PUT foo[home][M-d]", "| foo"],
    ["brings back what was cut", "abc def[C-w][C-a][C-y]", "def|abc "],
    ["keeps what was cut where there is nothing to cut", "abc[C-u][C-u][C-y]", "abc|"],
    ["swaps characters", "ab[C-t]", "ba|"],
    ["swaps nothing where there is one", "a[C-t]", "a|"],
    ["swaps around the cursor", "abc[left][left][C-t]", "ba|c"],
    ["ignores keys that it does not know", "a[f-five][insert][C-x][M-x][escape]", "a|"],
    ["takes characters of several units as one", "a\u{1f600}b[left][left]x", "ax|\u{1f600}b"],
    ["erases a letter with its accent", "e\u0301[backspace]", "|"]
  ])("%s", (_, script, expected) => {
    assert.strictEqual(shown(script), expected)
  })

  it("types no control characters", () => {
    const pressed = LineEditor.press(LineEditor.make([]), { text: "\x1f", name: undefined }, grammar)
    assert.strictEqual(pressed.editor.line, "")
  })
})

describe("outcomes", () => {
  it.each<[string, string, LineEditor.Outcome]>([
    ["submits", "GET a[return]", { _tag: "Submit", line: "GET a" }],
    ["submits with a newline", "GET a[enter]", { _tag: "Submit", line: "GET a" }],
    ["submits the whole line, wherever the cursor is", "GET a[home][return]", { _tag: "Submit", line: "GET a" }],
    ["cancels a line", "GET a[C-c]", { _tag: "Cancel", line: "GET a" }],
    ["tells a Ctrl-C on an empty line apart", "[C-c]", { _tag: "Interrupt" }],
    ["ends on Ctrl-D", "[C-d]", { _tag: "End" }],
    ["clears", "abc[C-l]", { _tag: "Clear" }]
  ])("%s", (_, script, expected) => {
    assert.deepStrictEqual(run(script).outcomes, [expected])
  })

  it("takes pasted lines one by one, with any line ending", () => {
    const submitted = (script: string) => run(script).outcomes.flatMap((o) => (o._tag === "Submit" ? [o.line] : []))
    assert.deepStrictEqual(submitted("a[return]b[enter]c[return][enter]d[return]"), ["a", "b", "c", "d"])
    assert.deepStrictEqual(submitted("[paste-start]PUT[tab]a[tab]b[return][enter]GET a[return][paste-end]"), [
      "PUT a b",
      "GET a"
    ])
  })
})

describe("history", () => {
  const history = ["first", "second", "third"]

  it.each([
    ["shows the last line", "[up]", "third|"],
    ["goes back, and not beyond the first", "[up][up][up][up][up]", "first|"],
    ["with Ctrl-P and Ctrl-N", "[C-p][C-p][C-n]", "third|"],
    ["comes back to what was being written", "draft[up][up][down][down]", "draft|"],
    ["does not go beyond what is being written", "draft[down]", "draft|"],
    ["can be edited", "[up][backspace]!", "thir!|"]
  ])("%s", (_, script, expected) => {
    assert.strictEqual(shown(script, history), expected)
  })
})

describe("reverse search", () => {
  const history = ["PUT a 1", "GET a", "PUT b 2", "EXISTS b"]

  it.each([
    ["finds the latest line", "[C-r]PUT", "|PUT b 2"],
    ["goes on to an earlier one", "[C-r]PUT[C-r]", "|PUT a 1"],
    ["stays at the earliest", "[C-r]PUT[C-r][C-r]", "|PUT a 1"],
    ["narrows as letters come", "[C-r]PUT a", "|PUT a 1"],
    ["widens again", "[C-r]PUT a[backspace][backspace]", "|PUT b 2"],
    ["has what was there again without letters", "dr[C-r]PUT[backspace][backspace][backspace]", "dr|"],
    ["is given up", "draft[C-r]PUT[C-g]", "draft|"],
    ["is given up with Escape", "draft[C-r]PUT[escape]", "draft|"],
    ["is taken by any other key, which acts", "[C-r]PUT[end]0", "PUT b 20|"],
    ["goes on from where it was found", "[C-r]PUT[up]", "GET a|"],
    ["keeps the draft", "draft[C-r]EXISTS[down]", "draft|"],
    ["begins again after Ctrl-R alone", "[C-r][C-r]EX", "|EXISTS b"]
  ])("%s", (_, script, expected) => {
    assert.strictEqual(shown(script, history), expected)
  })

  it("submits what was found", () => {
    assert.deepStrictEqual(run("[C-r]GET[return]", history).outcomes, [{ _tag: "Submit", line: "GET a" }])
  })

  it("is cancelled with the line", () => {
    const { editor, outcomes } = run("[C-r]GET[C-c]", history)
    assert.deepStrictEqual(outcomes, [{ _tag: "Cancel", line: "GET a" }])
    assert.isUndefined(editor.search)
  })

  it("shows the search text, and whether it was found", () => {
    assert.deepStrictEqual(draw(run("[C-r]b 2", history).editor, 60), {
      rows: ["(reverse-i-search)'b 2': PUT b 2"],
      column: 25 + 4
    })
    assert.deepStrictEqual(draw(run("[C-r]b 23", history).editor, 60).rows, [
      "(failed reverse-i-search)'b 23': PUT b 2"
    ])
  })
})

describe("completion", () => {
  it.each([
    ["completes a command", "P[tab]", "PUT |"],
    ["in any letter case", "pu[tab]", "PUT |"],
    ["without a blank where nothing follows", "q[tab]", "QUIT|"],
    ["separates a whole word", "get[tab]", "GET |"],
    ["heeds capitals where they tell apart", "E[tab]", "EXISTS |"],
    ["after help", "help p[tab]", "help PUT|"],
    ["after time, in turn", "time g[tab]", "time GET |"],
    ["leaves what it does not know", "zz[tab]", "zz|"],
    ["completes before the cursor only", "P foo[home][right][tab]", "PUT| foo"],
    ["types a blank after an argument", "PUT foo[tab]bar", "PUT foo bar|"],
    ["types no second blank", "PUT foo [tab]bar", "PUT foo bar|"]
  ])("%s", (_, script, expected) => {
    assert.strictEqual(shown(script), expected)
  })

  it("offers all candidates if there are several", () => {
    assert.deepStrictEqual(run("e[tab]").outcomes, [{ _tag: "Offer", names: ["EXISTS", "exit"] }])
    assert.deepStrictEqual(run("time [tab]").outcomes, [{ _tag: "Offer", names: server.map(({ name }) => name) }])
  })

  it("completes as far as all candidates agree", () => {
    const reads: LineEditor.Grammar = [
      { name: "reconnect", args: [] },
      { name: "record", args: [] }
    ]
    const pressed = LineEditor.press({ ...LineEditor.make([]), line: "r", cursor: 1 }, { name: "tab" }, reads)
    assert.strictEqual(pressed.editor.line, "reco")
    assert.isUndefined(pressed.outcome)
  })
})

describe("hints", () => {
  it.each([
    ["", ""],
    ["P", ""],
    ["PUT", " <key> <value> [ttl]"],
    ["put ", "<key> <value> [ttl]"],
    ["PUT foo", " <value> [ttl]"],
    ["PUT foo ", "<value> [ttl]"],
    ["PUT foo bar", " [ttl]"],
    ["PUT foo bar 10", ""],
    ["PUT foo bar 10 20", ""],
    ["  GET", " <key>"],
    ["QUIT", ""],
    ["time", " <command>"],
    ["time PUT foo", " <value> [ttl]"],
    ["help", " [command]"],
    ["help PUT", ""],
    ["nothing", ""]
  ])("'%s' is followed by '%s'", (line, expected) => {
    assert.strictEqual(LineEditor.hint(line, grammar), expected)
  })
})

describe("drawing", () => {
  it("shows prompt, line and a dim hint, and keeps the cursor in its place", () => {
    const { editor } = run("PUT foo")
    assert.strictEqual(LineEditor.render(editor, view), "\r>>> PUT foo\x1b[2m <value> [ttl]\x1b[0m\x1b[K\r\x1b[11C")
    assert.deepStrictEqual(draw(run("PUT foo[home]").editor, 40), { rows: [">>> PUT foo"], column: 4 })
  })

  it("leaves the whole line behind, without a hint", () => {
    const screen = Screen.make()
    const { editor } = run("PUT foo[home]")
    screen.write(LineEditor.render(editor, view))
    screen.write(LineEditor.renderDone(editor, view))
    assert.deepStrictEqual(screen.rows(), [">>> PUT foo", ""])
  })

  it("shows the part of a long line that the cursor is in", () => {
    const long = "PUT 0123456789 abcdefghij"
    assert.deepStrictEqual(draw(run(long).editor, 20), { rows: [">>> 789 abcdefghij"], column: 18 })
    assert.deepStrictEqual(draw(run(`${long}[home]`).editor, 20), { rows: [">>> PUT 0123456789"], column: 4 })
  })

  it("cuts a hint off at the edge", () => {
    assert.deepStrictEqual(draw(run("PUT foo").editor, 20).rows, [">>> PUT foo <value>"])
  })

  it("counts wide characters as two columns, and combining marks as none", () => {
    assert.strictEqual(draw(run("漢字e\u0301").editor, 40).column, 4 + 5)
  })

  it("never goes beyond the last column but one, however narrow the terminal is", () => {
    for (const script of ["", "PUT foo", "GET 漢字漢字漢字", "PUT foo bar[home]", "[C-r]PUT", "a\u{1f600}b[left]"]) {
      for (let columns = 1; columns <= 50; columns++) {
        const { editor } = run(script, ["PUT one 1"])
        const { column, rows } = draw(editor, columns, "not connected>>> ")
        assert.strictEqual(rows.length, 1)
        assert.isAtMost(column, Math.max(0, columns - 1), `${script} in ${columns} columns`)
        assert.isAtMost(rows[0]?.length ?? 0, Math.max(1, columns - 1), `${script} in ${columns} columns`)
      }
    }
  })
})
