/** How tests run: which files are tests, how long one may take, and how much of the sources they must reach. */
import { configDefaults, defineConfig } from "vitest/config"
import { browserScripts } from "./rolldown.browser.ts"

// Vitest's reporters call Map.groupBy when a test fails, and Node 20 has none: without this, a failure shows as a crash.
if (!("groupBy" in Map)) {
  Object.defineProperty(Map, "groupBy", {
    configurable: true,
    writable: true,
    value: <Key, Item>(items: Iterable<Item>, keyOf: (item: Item, index: number) => Key): Map<Key, Array<Item>> => {
      const groups = new Map<Key, Array<Item>>()
      let index = 0
      for (const item of items) {
        const key = keyOf(item, index++)
        const group = groups.get(key)
        if (group === undefined) groups.set(key, [item])
        else group.push(item)
      }
      return groups
    }
  })
}

const covered = { lines: 95 }

export default defineConfig({
  plugins: [browserScripts],
  test: {
    include: ["test/**/*.test.ts", "examples/**/*.test.ts"],
    // Projects of their own, which test/package/check.sh runs.
    exclude: [...configDefaults.exclude, "test/package/**"],
    // Not how fast they are, but that they end: beside busy neighbours a test takes twenty times as long.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // One worker runs many files: half of the time would go into loading Effect for each. Files leave nothing behind.
    isolate: false,
    // Vitest leaves one processor out, which is half of a small machine. Many tests wait for programs that they start.
    maxWorkers: "100%",
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      exclude: ["src/main.ts", "src/index.ts"],
      reporter: ["text", "html", "json-summary"],
      thresholds: {
        // The command line runs in processes of its own, which are not counted.
        lines: 92,
        "src/chart/**": covered,
        "src/client/**": { lines: 92 },
        "src/commands/**": covered,
        "src/loadtest/**": covered,
        "src/observability/**": covered,
        "src/server/**": covered,
        "src/domain/**": covered,
        "src/engine/**": covered,
        "src/store/**": covered,
        "src/protocol/**": covered
      }
    }
  }
})
