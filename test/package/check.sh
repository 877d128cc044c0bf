#!/usr/bin/env bash
# Packs the package, installs it into projects as users have them, and runs these: test/package/check.sh
# Each folder beside this file is such a project. It is copied to where no other node_modules can be found.
set -euo pipefail
cd "$(dirname "$0")"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export npm_config_update_notifier=false npm_config_fund=false npm_config_audit=false npm_config_prefer_offline=true

begin() { printf -- '--- %s\n' "$1"; }

# run PROJECT COMMAND...: runs a command in a project's folder, and shows what it says if it fails.
run() {
  local project=$1
  shift
  begin "$project: $*"
  if ! (cd "$work/$project" && "$@") >"$work/output" 2>&1; then
    cat "$work/output"
    return 1
  fi
}

tarball=$work/$(npm pack --silent --pack-destination "$work" ../.. | tail -n 1)

begin "publint"
npx publint run "$tarball" --strict

begin "installation"
installing=()
for project in */; do
  cp -R "$project" "$work/$project"
  (cd "$work/$project" && npm install "$tarball") >"$work/${project%/}.log" 2>&1 &
  installing+=($!)
done
for pid in "${installing[@]}"; do
  wait "$pid" || { cat "$work"/*.log; exit 1; }
done
# Users get the package and its peer, and no word of warning; what the other projects install besides is not ours.
if grep -i warn "$work/node.log" || [[ $(ls "$work/node/node_modules") != $'effect\neffect-kv-cache' ]]; then
  echo "more was installed, or said, than effect and effect-kv-cache:"
  cat "$work/node.log"
  ls "$work/node/node_modules"
  exit 1
fi

run node node --test
run jest npx jest
run vitest npx vitest run
for resolution in nodenext bundler; do
  run typescript npx tsc --project "tsconfig.$resolution.json"
  run typescript node "$resolution/module.js"
done
run typescript node nodenext/commonjs.cjs
echo "the package works in all of them"
