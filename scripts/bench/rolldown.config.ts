/**
 * Bundles the benchmarks into files that Node 20 can run. They lie beside the installed packages, where no check looks.
 */
import { defineConfig } from "rolldown"

export default defineConfig({
  input: {
    bench: "scripts/bench/bench.ts",
    "bench-store": "scripts/bench/bench-store.ts",
    "bare-node": "scripts/bench/servers/bare-node.ts",
    bulk: "scripts/bench/load/bulk.ts",
    delay: "scripts/bench/load/delay.ts",
    generator: "scripts/bench/load/generator.ts",
    held: "scripts/bench/load/held.ts",
    idle: "scripts/bench/load/idle.ts",
    paced: "scripts/bench/load/paced.ts",
    probe: "scripts/bench/load/probe.ts",
    short: "scripts/bench/load/short.ts",
    warden: "scripts/bench/warden.ts",
    engine: "scripts/bench/store/engine.ts"
  },
  platform: "node",
  output: {
    dir: "node_modules/.cache/bench",
    format: "esm",
    entryFileNames: "[name].mjs",
    chunkFileNames: "shared/[name].mjs"
  }
})
