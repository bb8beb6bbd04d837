#!/bin/sh
# Reloads nginx when `weir certs sync` has replaced its copy of the certificates. Runs beside nginx, under
# the same user, with nothing but a POSIX shell: the official images have neither openssl nor inotify tools.
#
#   NGINX_TLS             the synced folder; its link "current" changes with its contents
#   NGINX_RUN             where nginx.pid is, and where this leaves watcher.pid
#   NGINX_CONFIG          the configuration file
#   NGINX_RELOAD_SECONDS  how often to look (default 1)
set -u

say() { echo "reload-on-change: $*" >&2; }

current() { readlink "$NGINX_TLS/current" || true; }

# Streams in flight stay with the workers of the earlier configuration until they end.
reload() {
  if ! report=$(nginx -t -q -c "$NGINX_CONFIG" 2>&1); then
    say "nginx does not accept the new certificates and goes on with those it has: $report"
  elif kill -HUP "$(cat "$NGINX_RUN/nginx.pid")"; then
    say "certificates changed: nginx reloaded"
  else
    return 1
  fi
}

echo $$ >"$NGINX_RUN/watcher.pid"
applied=$(current)
while sleep "${NGINX_RELOAD_SECONDS:-1}"; do
  found=$(current)
  [ "$found" != "$applied" ] || continue
  # Before nginx has written its pid there is nobody to tell: again at the next look.
  if [ -s "$NGINX_RUN/nginx.pid" ] && reload; then applied=$found; fi
done
