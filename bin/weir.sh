#!/bin/sh
# bin/weir with the Node that npm has brought for this machine, where there is one: that of the machine may be older,
# and a service's PATH has neither. Can be linked to from a folder of the PATH.
set -eu
here=$(dirname "$(readlink -f "$0")")
for node in "$here"/../node_modules/node-linux-*/bin/node; do
  [ ! -x "$node" ] || exec "$node" "$here/weir" "$@"
done
exec node "$here/weir" "$@"
