import { chmodSync } from "node:fs"
import { defineConfig, type Plugin } from "rolldown"

/** Programs: each is one file that needs no node_modules beside it. */
const programs = { main: "src/main.ts" }

/** Entries of the library: what users of the package import. Its peer dependencies stay imports. */
const library = { index: "src/index.ts", testing: "src/testing.ts" }

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

export default defineConfig([
  ...Object.entries(programs).map(([name, path]) => ({
    input: { [name]: path },
    platform: "node" as const,
    tsconfig: "tsconfig.json",
    plugins: [executable],
    output: {
      dir: "dist",
      format: "esm" as const,
      codeSplitting: false,
      comments: false,
      // Smaller, so that it starts sooner; names and lines are kept, so that stack traces can be read.
      minify: { compress: true, mangle: false, codegen: false },
      postBanner: shebang
    }
  })),
  {
    input: library,
    platform: "node",
    external: [/^effect(\/|$)/, /^@effect\/platform-node(\/|$)/],
    output: { dir: "dist", format: "esm", chunkFileNames: "shared/[name].js" }
  }
])
