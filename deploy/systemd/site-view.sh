#!/bin/sh
# Show the site to a second user as if it were that user's own.
#
#   site-view.sh SITE OWNER USER PLACE
#
# Run as root. At PLACE every file of OWNER below SITE belongs to USER, and what USER makes there
# belongs, on the disk, to OWNER: an idmapped mount (mount_setattr(2), Linux 5.12; the file system
# has to know them, as ext4, XFS and btrfs do). Needs util-linux 2.39 or newer.
set -eu
site=$1 owner=$2 user=$3 place=$4

mkdir -p "$place"
if mountpoint -q "$place"; then
  exit 0
fi
map="u:$(id -u "$owner"):$(id -u "$user"):1 g:$(id -g "$owner"):$(id -g "$user"):1"
mount --bind -o "X-mount.idmap=$map" "$site" "$place"
# A mount program that does not know the option takes it for a comment, and maps nobody.
seen=$(stat -c %u "$place")
if [ "$seen" != "$(id -u "$user")" ]; then
  umount "$place"
  echo "site-view.sh: this system can't map owners (util-linux 2.39, Linux 5.12, ext4 or XFS)" >&2
  exit 1
fi
mount -o remount,bind,nosuid,nodev,noexec "$place"
