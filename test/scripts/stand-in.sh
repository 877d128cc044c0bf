#!/usr/bin/env bash
#
# Stands in for the commands that aws.sh runs here (aws, curl, ssh, scp) and on an instance (sudo, dnf, systemctl,
# docker). aws.test.ts links it under each of those names into folders that it puts first on PATH.
#
# - Every call is recorded as one line of $STAND_IN/calls.
# - aws is passed on to the real AWS CLI. ssh really runs what it is given, in a folder per instance.
# - FAIL_CALL: a pattern; a call that matches prints FAIL_MESSAGE and fails with FAIL_CODE, the first FAIL_TIMES times.

set -euo pipefail

name=$(basename "$0")
call="$name $*"
call=${call//$'\n'/ }
printf '%s\n' "$call" >>"$STAND_IN/calls"

if [ -n "${FAIL_CALL:-}" ]; then
  # shellcheck disable=SC2254 # it is a pattern
  case $call in
    $FAIL_CALL)
      printf '.' >>"$STAND_IN/failures"
      if [ "$(wc -c <"$STAND_IN/failures")" -le "${FAIL_TIMES:-1000}" ]; then
        printf '%s\n' "${FAIL_MESSAGE:-}" >&2
        exit "${FAIL_CODE:-1}"
      fi
      ;;
  esac
fi

# The instance that ssh or scp was called for: the folder named by its host key alias.
instance() {
  local alias=${call#*HostKeyAlias=}
  local folder=$STAND_IN/hosts/${alias%% *}
  mkdir -p "$folder"
  printf '%s' "$folder"
}

load_test() {
  local results
  results=$(sed -n 's|.* -v \(.*\):/results .*|\1|p' <<<"$call")
  printf '{"requests_per_second": 12345}\n' >"$results/results.json"
  printf '<!doctype html><title>Load test</title>\n' >"$results/report.html"
  printf 'progress: 50 %%\n' >&2
  printf 'requests/second 12345\n'
  exit "${LOADTEST_CODE:-0}"
}

case $name in
  aws) exec "$REAL_AWS" "$@" ;;
  curl) printf '%s\n' "$STAND_IN_ADDRESS" ;;
  ssh)
    folder=$(instance)
    until [[ $1 == *@* ]]; do shift; done # past the options and the address
    shift
    cd "$folder"
    HOME=$folder PATH=$STAND_IN/remote-bin:/usr/bin:/bin exec bash -c "$*"
    ;;
  scp)
    folder=$(instance)
    from=${*: -2:1}
    cp -R "$folder/${from#*:}" "${*: -1}"
    ;;
  sudo) exec "$@" ;;
  dnf | systemctl) ;;
  docker)
    case $call in
      *" run -d "*) touch serving ;;
      *" loadtest "*) load_test ;;
      *" client "*" PUT "*) printf 'OK stored\n' ;;
      *" client "*" GET "*) printf 'OK works\n' ;;
      *" inspect "*) [ -f serving ] && printf 'you/kv-cache:1.0: running, healthy\n' ;;
    esac
    ;;
esac
