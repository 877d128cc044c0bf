/**
 * Adds up JSON reports of Vitest: `node scripts/count-tests.js FAILED [REPORT...]` prints `N passed, N failed`. FAILED is
 * what failed besides. A test file that could not be loaded has no tests, so it counts as a failure.
 */
import { readFileSync } from "node:fs"

const [failedBesides, ...reports] = process.argv.slice(2)
let passed = 0
let failed = Number(failedBesides)
for (const file of reports) {
  const report = JSON.parse(readFileSync(file, "utf8"))
  passed += report.numPassedTests
  failed += report.numFailedTests
  for (const { assertionResults, status } of report.testResults) {
    if (status === "failed" && assertionResults.length === 0) failed++
  }
}
console.log(`${passed} passed, ${failed} failed`)
