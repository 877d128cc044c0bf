#!/usr/bin/env bash
# Runs the tests N times while six busy loops take the processors: scripts/test-under-load.sh N [VITEST ARGUMENT...]
# What waits for time, or counts turns, instead of waiting for what it needs fails here sooner or later. It prints a line
# a run, and all of a run that fails, which is the last. Arguments choose tests, as in 'vitest run'. The reports of the
# runs (JSON) are kept in the folder REPORTS, if that is set.
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null

runs=${1:-}
if [[ ! $runs =~ ^[1-9][0-9]*$ ]]; then
  echo "Usage: scripts/test-under-load.sh N [VITEST ARGUMENT...]: runs the tests N times beside six busy loops" >&2
  exit 2
fi
shift

# Seconds. Neither a run that hangs nor its neighbours take longer, whatever becomes of this script.
LIMIT=1800

work=$(mktemp -d)
reports=${REPORTS:-$work}
processes=()

end_processes() {
  for process in "${processes[@]}"; do kill "$process" 2>/dev/null || true; done
  processes=()
}

trap 'end_processes; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

npm run --silent build
for ((run = 1; run <= runs; run++)); do
  for _ in {1..6}; do
    timeout "$LIMIT" node -e 'for (;;);' &
    processes+=("$!")
  done
  report=$reports/tests-under-load-$run.json
  began=$SECONDS code=0
  # In the background: bash runs no trap before a command in the foreground ends.
  timeout --kill-after=10 "$LIMIT" node node_modules/vitest/vitest.mjs run --reporter=default --reporter=json \
    --outputFile.json="$report" "$@" >"$work/output" 2>&1 &
  processes+=("$!")
  wait "$!" || code=$?
  end_processes
  summary="no report"
  if [[ -f $report ]]; then summary=$(node scripts/count-tests.js 0 "$report"); fi
  echo "run $run of $runs: $summary, $((SECONDS - began)) s"
  if ((code != 0)); then
    cat "$work/output"
    echo "run $run failed: exit code $code"
    exit 1
  fi
done
