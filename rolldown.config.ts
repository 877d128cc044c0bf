/**
 * Builds what users run and import: the program as one file with all that it needs, and the library, which leaves `effect` to
 * whoever imports it. Declarations are TypeScript's, by `tsconfig.build.json`; benchmarks have a config of their own.
 */
import { chmodSync, existsSync, readFileSync } from "node:fs"
import { defineConfig, type Plugin } from "rolldown"
import { browserScripts } from "./rolldown.browser.ts"

/** Programs: each is one file that needs no node_modules beside it. */
const programs = { main: "src/main.ts" }

/** Entries of the library: what users of the package import. */
const library = { index: "src/index.ts", testing: "src/testing.ts", persistence: "src/persistence.ts" }

const shebang = "#!/usr/bin/env node"

/** Makes the programs that start with a shebang executable. */
const executable: Plugin = {
  name: "executable",
  writeBundle({ dir = "." }, bundle) {
    for (const chunk of Object.values(bundle)) {
      if (chunk.type === "chunk" && chunk.code.startsWith(shebang)) chmodSync(`${dir}/${chunk.fileName}`, 0o755)
    }
  }
}

/** The folder and the name of the installed package that a module is part of. */
const packageOf = (module: string): { readonly folder: string; readonly name: string } | undefined => {
  const [folder, name] = /^.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(module) ?? []
  return folder === undefined || name === undefined ? undefined : { folder, name }
}

/** What a chunk's file must say of the work of others in it: the license of each package, and single files' own notices. */
const noticesFor = (modules: ReadonlyArray<string>): string => {
  const packages = new Map<string, Array<string>>()
  const notices = new Set<string>()
  for (const module of modules) {
    const origin = packageOf(module)
    if (origin === undefined) continue
    const file = ["LICENSE", "LICENSE.md", "LICENSE.txt"]
      .map((name) => `${origin.folder}/${name}`)
      .find((path) => existsSync(path))
    if (file === undefined) throw new Error(`${origin.name} is bundled, and has no license file to carry along`)
    const license = readFileSync(file, "utf8").trim()
    packages.set(license, [...new Set([...(packages.get(license) ?? []), origin.name])])
    for (const [comment, text = ""] of readFileSync(module, "utf8").matchAll(/\/\*([^]*?)\*\//g)) {
      if (/copyright \(c\)|under MIT license/i.test(comment)) {
        const lines = text.replaceAll(/^ *\*? ?|^\/+$/gm, "").trim()
        notices.add(`${module.slice(origin.folder.length - origin.name.length)}:\n\n${lines}`)
      }
    }
  }
  if (packages.size === 0) return ""
  const licenses = [...packages].map(([license, names]) => `${names.toSorted().join(", ")}:\n\n${license}`)
  const text = [...licenses, ...notices].join("\n\n").replaceAll("*/", "* /")
  return `\n/*\nThis file contains work of others, under these licenses.\n\n${text}\n*/\n`
}

/** Lets each file carry the notices of the packages that are bundled into it, wherever it is copied. */
const notices: Plugin = {
  name: "notices",
  generateBundle(_options, bundle) {
    for (const chunk of Object.values(bundle)) if (chunk.type === "chunk") chunk.code += noticesFor(chunk.moduleIds)
  }
}

/** To TypeScript, what CommonJS gets is what the ES modules declare. */
const declarations: Plugin = {
  name: "declarations",
  generateBundle() {
    for (const name of Object.keys(library)) {
      this.emitFile({ type: "asset", fileName: `${name}.d.cts`, source: `export * from "./${name}.js"\n` })
    }
  }
}

/** How files are written that bring everything with them. */
const selfContained = {
  dir: "dist",
  comments: false,
  // Smaller, so that it starts sooner; names and lines are kept, so that stack traces can be read.
  minify: { compress: true, mangle: false, codegen: false }
} as const

export default defineConfig([
  {
    // The peer stays an import: a program and the library share one Effect.
    input: library,
    platform: "node",
    external: [/^effect(\/|$)/],
    // It is written first, into an empty folder: what an earlier build left there would be packed.
    output: { dir: "dist", cleanDir: true, format: "esm", sourcemap: true, chunkFileNames: "shared/[name].js" }
  },
  ...Object.entries(programs).map(([name, path]) => ({
    input: { [name]: path },
    platform: "node" as const,
    tsconfig: "tsconfig.json",
    plugins: [browserScripts, executable, notices],
    output: { ...selfContained, format: "esm" as const, codeSplitting: false, postBanner: shebang }
  })),
  {
    // For loaders that cannot require an ES module, Jest's above all. Effect is nothing but ES modules, so here it has
    // to come along; a loader that knows the condition `module-sync` (Node itself) takes the files above.
    input: library,
    platform: "node",
    plugins: [notices, declarations],
    output: { ...selfContained, format: "cjs", entryFileNames: "[name].cjs", chunkFileNames: "shared/[name].cjs" }
  }
])
