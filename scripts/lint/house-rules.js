/**
 * Lint rules that no published rule expresses: which folder may import which, and no try statements.
 *
 * It is plain JavaScript because the linter loads the file itself, on every supported version of Node.
 */
import { dirname, relative, resolve, sep } from "node:path"

const root = resolve(import.meta.dirname, "../..")
const src = resolve(root, "src")

/**
 * The part of `src` that a file belongs to: its first folder, or its own name if it lies in `src` itself.
 *
 * @param {string} file
 * @returns {string | undefined} nothing for a file outside `src`
 */
const partOf = (file) => {
  const path = relative(src, file)
  return path.startsWith("..") ? undefined : path.split(sep)[0]
}

/**
 * `["error", { "<part>": ["<part that it may import>", …] }]`. A part may always import itself. Every part must be in
 * the table, so a new folder gets its place when it is made. Outside `src`, only package.json may be imported.
 */
const oneWayImports = {
  meta: { type: "problem", schema: [{ type: "object" }] },
  /** @param {any} context */
  create(context) {
    const from = partOf(context.filename)
    if (from === undefined) return {}
    /** @type {Record<string, ReadonlyArray<string>>} */
    const table = context.options[0] ?? {}
    const allowed = table[from]

    /** @param {any} node */
    const check = (node) => {
      const specifier = node.source?.value
      if (typeof specifier !== "string" || !specifier.startsWith(".")) return
      const target = resolve(dirname(context.filename), specifier)
      const to = partOf(target)
      if (to === from || target === resolve(root, "package.json")) return
      if (to === undefined) {
        context.report({ node, message: `src must not import from outside of src: ${specifier}` })
      } else if (allowed === undefined) {
        context.report({ node, message: `"${from}" has no line in the table of one-way-imports in .oxlintrc.json` })
      } else if (!allowed.includes(to)) {
        context.report({ node, message: `"${from}" must not import "${to}" (table in .oxlintrc.json): ${specifier}` })
      }
    }

    return {
      ImportDeclaration: check,
      ImportExpression: check,
      ExportAllDeclaration: check,
      ExportNamedDeclaration: check
    }
  }
}

/** No `try`: a failure is a value, a `Result` in pure code or an error of an effect. */
const noTry = {
  meta: { type: "suggestion", schema: [] },
  /** @param {any} context */
  create: (context) => ({
    /** @param {any} node */
    TryStatement: (node) =>
      context.report({ node, message: "No try statement: use Result.try, Effect.try, Effect.ensuring or a scope" })
  })
}

export default {
  meta: { name: "house" },
  rules: { "one-way-imports": oneWayImports, "no-try": noTry }
}
