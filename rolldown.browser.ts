/**
 * Bundles scripts for browsers: `import script from "./browser/Main.ts?script"` gives one as the text of an element. The
 * build and the tests use it, so both have the same.
 */
import { resolve } from "node:path"
import { type Plugin, rolldown } from "rolldown"

const SUFFIX = "?script"

/** Nothing in it may end the element that it is put into, or begin a comment there. */
const embeddable = (code: string): string => code.replaceAll(/<(?=\/script|script|!--)/gi, "\\x3C")

const bundled = async (input: string): Promise<string> => {
  const bundle = await rolldown({ input, platform: "browser" })
  const { output } = await bundle.generate({ format: "iife", minify: true, comments: false })
  await bundle.close()
  return embeddable(output[0].code.trim())
}

export const browserScripts: Plugin = {
  name: "browser-scripts",
  resolveId(source, importer) {
    if (!source.endsWith(SUFFIX) || importer === undefined) return undefined
    return `${resolve(importer, "..", source.slice(0, -SUFFIX.length))}${SUFFIX}`
  },
  async load(id) {
    if (!id.endsWith(SUFFIX)) return undefined
    return { code: `export default ${JSON.stringify(await bundled(id.slice(0, -SUFFIX.length)))}`, moduleType: "js" }
  }
}
