#!/bin/sh
# bin/weir with the Node that npm has brought for this machine, where there is one: that of the machine may be older,
# and a service's PATH has neither. Can be linked to from a folder of the PATH; by the name bst-artifact-server it is that.
set -eu
here=$(dirname "$(readlink -f "$0")")
case $(basename "$0") in
  bst-artifact-server) command=bst-artifact-server ;;
  *) command=weir ;;
esac
for node in "$here"/../node_modules/node-linux-*/bin/node; do
  [ ! -x "$node" ] || exec "$node" "$here/$command" "$@"
done
exec node "$here/$command" "$@"
