#!/bin/sh
# A network namespace for the cluster: one interface between the hosts, and their addresses only.
#
#   network.sh up NAMESPACE INTERFACE ADDRESS/PREFIX HOSTS      HOSTS: "10.0.0.1, 10.0.0.2"
#   network.sh down NAMESPACE
#
# Run as root. INTERFACE is moved into the namespace: a network card, or a VLAN of one, that serves
# nothing else. There is no route but to its own network, no name server, and the rules of
# cluster.nft beside this file let in and out what comes from HOSTS and goes to them. Without
# nftables the namespace is not made.
set -eu
what=$1 namespace=$2
rules=$(dirname "$(readlink -f "$0")")/cluster.nft

inside() { ip netns exec "$namespace" "$@"; }

if [ "$what" = down ]; then
  # The interface goes back to the host's own namespace. The kernel sends back a network card by
  # itself; a VLAN would be gone with the namespace. The kernel's own tunnels (tunl0, gre0) belong to
  # the namespace, and a name may be taken on the host: then it goes on with the others.
  ip -netns "$namespace" -o link show | sed -n 's/^[0-9]*: \([^:@]*\)[:@].*/\1/p' |
    while read -r link; do
      [ "$link" = lo ] || ip -netns "$namespace" link set "$link" netns 1 ||
        echo "network.sh: $link was not given back to the host." >&2
    done
  ip netns del "$namespace"
  exit 0
fi

interface=$3 address=$4 hosts=$5
ip netns list | grep -qw "$namespace" || ip netns add "$namespace"
mkdir -p "/etc/netns/$namespace"
: > "/etc/netns/$namespace/resolv.conf"
if ip link show "$interface" >/dev/null 2>&1; then
  ip link set "$interface" netns "$namespace"
fi
# The rules first: nothing is open for a moment.
inside nft -D "HOSTS={ $hosts }" -f "$rules"
ip -netns "$namespace" link set lo up
ip -netns "$namespace" address replace "$address" dev "$interface"
ip -netns "$namespace" link set "$interface" up
ip -netns "$namespace" route flush default 2>/dev/null || true
