/** Bundles the benchmarks into files that Node 20 can run, next to the installed packages and out of the checks' sight. */
import { defineConfig } from "rolldown"

export default defineConfig({
  input: {
    bench: "scripts/bench/bench.ts",
    "bench-store": "scripts/bench/bench-store.ts",
    "bare-node": "scripts/bench/servers/bare-node.ts",
    generator: "scripts/bench/load/generator.ts",
    idle: "scripts/bench/load/idle.ts",
    probe: "scripts/bench/load/probe.ts",
    warden: "scripts/bench/warden.ts",
    engine: "scripts/bench/store/engine.ts",
    batches: "scripts/bench/store/batches.ts"
  },
  platform: "node",
  output: {
    dir: "node_modules/.cache/bench",
    format: "esm",
    entryFileNames: "[name].mjs",
    chunkFileNames: "shared/[name].mjs"
  }
})
