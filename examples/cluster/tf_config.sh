#!/usr/bin/env bash
# Prints TF_CONFIG for one process of a cluster:
#   tf_config.sh INDEX SERVERS HOST:PORT...
# INDEX is this process's place among the addresses, from 0; the first SERVERS (0 or 1) of them are
# parameter servers, all others workers.
set -euo pipefail
index=$1 servers=$2
shift 2

list() {  # the arguments as a JSON list
  local IFS=,
  echo "[${*@Q}]" | tr "'" '"'
}

cluster="\"worker\": $(list "${@:servers+1}")"
task="{\"type\": \"worker\", \"index\": $((index - servers))}"
if ((servers)); then
  cluster="\"ps\": $(list "${@:1:servers}"), $cluster"
fi
if ((index < servers)); then
  task="{\"type\": \"ps\", \"index\": $index}"
fi
echo "{\"cluster\": {$cluster}, \"task\": $task}"
