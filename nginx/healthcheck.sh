#!/bin/sh
# Healthy: nginx listens on both ports, and the watcher that takes certificate changes over is alive.
# The official images have no tool in common that could make a TLS connection.
set -eu

for port in "${NGINX_PULL_LISTEN##*:}" "${NGINX_PUSH_LISTEN##*:}"; do
  # In /proc/net/tcp: local address in hex, remote address of zeros, state 0A for listening.
  pattern=$(printf ':%04X 0+:0000 0A ' "$port")
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -Eq "$pattern" || {
    echo "nothing listens on port $port"
    exit 1
  }
done

kill -0 "$(cat "$NGINX_RUN/watcher.pid")" || {
  echo 'reload-on-change.sh has ended: certificate changes are not taken over'
  exit 1
}
