/**
 * Completes package-lock.json for all platforms. Run it as `npm run lockfile` after a change of dependencies.
 *
 * Tools such as the linter ship their binaries in optional packages, one for each platform. If a registry's mirror
 * lacks those of other platforms, npm leaves them out of the lockfile, and `npm ci` refuses it there ("Missing: … from
 * lock file"). This script adds them. Their versions are exact in the package that asks for them, and their names hold
 * the platform. npm skips packages of other platforms without asking the registry. The added entries have no integrity
 * hash.
 */
import { readFileSync, writeFileSync } from "node:fs"

/**
 * @typedef {{
 *   version?: string
 *   cpu?: Array<string>
 *   dev?: boolean
 *   libc?: Array<string>
 *   optional?: boolean
 *   optionalDependencies?: Record<string, string>
 *   os?: Array<string>
 * }} Entry
 */

const FILE = "package-lock.json"
const SYSTEMS = new Set([
  "aix",
  "android",
  "darwin",
  "freebsd",
  "linux",
  "netbsd",
  "openbsd",
  "openharmony",
  "sunos",
  "win32"
])
const PROCESSORS = new Set([
  "arm",
  "arm64",
  "ia32",
  "loong64",
  "mips64el",
  "ppc64",
  "riscv64",
  "s390x",
  "wasm32",
  "x64"
])

/** @type {{ packages: Record<string, Entry> }} */
const lockfile = JSON.parse(readFileSync(FILE, "utf8"))
const { "": root = {}, ...packages } = lockfile.packages

/**
 * @param {string} name
 * @param {string} version
 * @param {boolean | undefined} dev
 * @returns {Entry}
 */
const entryOf = (name, version, dev) => {
  const words = name.split(/[-/]/)
  const os = words.filter((word) => SYSTEMS.has(word))
  const cpu = words.filter((word) => PROCESSORS.has(word))
  const libc = words.some((word) => word.startsWith("musl")) ? ["musl"] : ["glibc"]
  return {
    version,
    ...(cpu.length > 0 && { cpu }),
    ...(dev === true && { dev }),
    ...(os.includes("linux") && words.some((word) => /^(musl|gnu)/.test(word)) && { libc }),
    optional: true,
    ...(os.length > 0 && { os })
  }
}

for (const [path, entry] of Object.entries(packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (!/^\d+\.\d+\.\d+/.test(version)) continue
    const here = packages[`${path}/node_modules/${name}`] ?? packages[`node_modules/${name}`]
    if (here?.version === version) continue
    const place = here === undefined ? `node_modules/${name}` : `${path}/node_modules/${name}`
    packages[place] = entryOf(name, version, entry.dev)
    console.log(`added ${place} ${version}`)
  }
}

lockfile.packages = { "": root }
for (const path of Object.keys(packages).toSorted((a, b) => a.localeCompare(b, "en"))) {
  const entry = packages[path]
  if (entry !== undefined) lockfile.packages[path] = entry
}
writeFileSync(FILE, `${JSON.stringify(lockfile, null, 2)}\n`)
