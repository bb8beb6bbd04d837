#!/bin/sh
# Run by the official image's entrypoint, before it becomes nginx.
set -eu
/usr/local/lib/weir/reload-on-change.sh &
