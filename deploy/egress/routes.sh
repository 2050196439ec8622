#!/bin/sh
# Let one user reach one address on one TCP port, and nobody anything else, by routing alone.
#
#   routes.sh NAMESPACE DEVICE ADDRESS/PREFIX NEXT_HOP PROVIDER UID [PORT]
#
# Run as root. DEVICE is an interface of the network namespace that leads out. There is no default
# route there: the only route stands in a table of its own, which a rule consults for packets of
# that user, over TCP, to that address and port. All others find no route, root's too, and so do
# DNS and UDP. Needs iproute2 4.17 or newer; it can stand beside egress.nft.
set -eu
namespace=$1 device=$2 address=$3 next_hop=$4 provider=$5 uid=$6 port=${7:-443}
table=77

in_there() { ip -netns "$namespace" "$@"; }

in_there link set lo up
in_there link set "$device" up
# Without this flag the address would bring a route to its whole network, for everybody.
in_there address replace "$address" dev "$device" noprefixroute
in_there route flush table main
in_there -6 route flush table main
in_there route replace "$next_hop" dev "$device" scope link table "$table"
if [ "$provider" != "$next_hop" ]; then
  in_there route replace "$provider" via "$next_hop" dev "$device" table "$table"
fi
in_there rule add priority 100 uidrange "$uid-$uid" ipproto tcp dport "$port" \
  to "$provider" lookup "$table"
