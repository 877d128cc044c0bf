#!/usr/bin/env bash
# A Redis Cluster of six servers on this machine, for trying things out: scripts/cluster.sh start|stop|status [PORT]
# Three masters and three replicas on 127.0.0.1, from PORT on (7000 unless given). They keep nothing: what they know of each
# other and their logs are in a folder of their own, which 'stop' removes. When a master dies, the others go on.
# REDIS_SERVER and REDIS_CLI name other programs.
set -euo pipefail

usage() {
  echo "Usage: scripts/cluster.sh start|stop|status [PORT]: a Redis Cluster of six servers on 127.0.0.1, from PORT on" >&2
  exit 2
}

server=${REDIS_SERVER:-redis-server}
cli=${REDIS_CLI:-redis-cli}
action=${1:-}
first=${2:-7000}
if [[ $# -gt 2 || ! $first =~ ^[1-9][0-9]*$ || $first -gt 55000 ]]; then usage; fi
folder=${XDG_RUNTIME_DIR:-/tmp}/kv-cache-cluster-$first
ports=()
for ((node = 0; node < 6; node++)); do ports+=("$((first + node))"); done

fail() {
  echo "$1" >&2
  exit 1
}

not_started() {
  fail "no cluster was started from port $first on: scripts/cluster.sh start $first"
}

needs_server() {
  command -v "$server" >/dev/null || fail "there is no $server: install it (Debian: apt-get install redis-server)"
}

needs_cli() {
  command -v "$cli" >/dev/null || fail "there is no $cli: install it (Debian: apt-get install redis-tools)"
}

start() {
  local port nodes=()
  needs_server
  needs_cli
  [[ ! -e $folder ]] || fail "it was started already: scripts/cluster.sh stop $first"
  for port in "${ports[@]}"; do
    if "$cli" -p "$port" ping >/dev/null 2>&1; then fail "port $port is taken by another Redis server"; fi
  done
  mkdir -p "${folder%/*}"
  mkdir "$folder" 2>/dev/null || fail "it is being started by somebody else"
  for port in "${ports[@]}"; do
    mkdir "$folder/$port"
    "$server" --port "$port" --bind 127.0.0.1 --dir "$folder/$port" --pidfile "$folder/$port/pid" --logfile log \
      --daemonize yes --save '' --appendonly no --cluster-enabled yes --cluster-node-timeout 2000 \
      --cluster-require-full-coverage no >/dev/null ||
      fail "a server did not start: see $folder/$port/log"
    nodes+=("127.0.0.1:$port")
  done
  for port in "${ports[@]}"; do
    for ((try = 0; try < 50; try++)); do
      if "$cli" -p "$port" ping >/dev/null 2>&1; then continue 2; fi
      sleep 0.1
    done
    fail "port $port does not answer: see $folder/$port/log"
  done
  "$cli" --cluster create "${nodes[@]}" --cluster-replicas 1 --cluster-yes >"$folder/create.log" ||
    fail "no cluster was made: see $folder/create.log"
  for ((try = 0; try < 100; try++)); do
    if "$cli" -p "$first" cluster info | grep -q '^cluster_state:ok'; then break; fi
    sleep 0.1
  done
  echo "a cluster of six servers is on 127.0.0.1, ports ${ports[0]} to ${ports[5]}"
  echo "kv-cache serve --engine redis://127.0.0.1:${ports[0]},127.0.0.1:${ports[1]},127.0.0.1:${ports[2]}"
}

stop() {
  local port pid
  [[ -d $folder ]] || not_started
  for port in "${ports[@]}"; do
    [[ -f $folder/$port/pid ]] || continue
    pid=$(<"$folder/$port/pid")
    kill "$pid" 2>/dev/null || true
    for ((try = 0; try < 50; try++)); do
      kill -0 "$pid" 2>/dev/null || continue 2
      sleep 0.1
    done
    kill -9 "$pid" 2>/dev/null || true
  done
  rm -rf "$folder"
  echo "stopped"
}

status() {
  local port
  needs_cli
  [[ -d $folder ]] || not_started
  for port in "${ports[@]}"; do
    if "$cli" -p "$port" cluster nodes 2>/dev/null; then return; fi
  done
  fail "none of the servers answers"
}

case $action in
  start) start ;;
  stop) stop ;;
  status) status ;;
  *) usage ;;
esac
