#!/bin/bash
# Docker's health check: asks the server whether it answers, as its settings in the environment say, in a few milliseconds.
# It starts no Node process, which would take a third of a second of a core each time, and needs no password: the admin
# port's /healthz and the protocol's PING are answered to all.
set -u

# Answers within 3 seconds, or not at all. $1: host, $2: port, $3: what to send.
ask() {
  local line=
  exec 3<>"/dev/tcp/$1/$2" || return
  printf '%b' "$3" >&3
  IFS= read -r -t 3 line <&3
  exec 3>&-
  printf '%s' "${line%$'\r'}"
}

# An address that stands for all of them cannot be connected to.
reachable() {
  case $1 in
    0.0.0.0 | '' | ::) echo 127.0.0.1 ;;
    *) echo "$1" ;;
  esac
}

if [ -n "${KV_CACHE_ADMIN_PORT:-}" ]; then
  answer=$(ask "$(reachable "${KV_CACHE_ADMIN_HOST:-}")" "$KV_CACHE_ADMIN_PORT" 'GET /healthz HTTP/1.0\r\n\r\n')
  [[ $answer == 'HTTP/1.1 200 '* ]] && exit 0
elif [ "${KV_CACHE_PORT:-7171}" = off ]; then
  echo 'Nothing to ask: with KV_CACHE_PORT=off the health check needs an admin port (KV_CACHE_ADMIN_PORT).'
  exit 1
else
  # shellcheck disable=SC2016 # The dollar is RESP's.
  answer=$(ask "$(reachable "${KV_CACHE_HOST:-}")" "${KV_CACHE_PORT:-7171}" '*1\r\n$4\r\nPING\r\n')
  [ "$answer" = +PONG ] && exit 0
fi
echo "The server did not answer as it should: '$answer'"
exit 1
