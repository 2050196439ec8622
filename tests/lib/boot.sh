#!/bin/sh
# Boot systemd, as process 1 of namespaces of its own, over a throw-away copy of this machine.
#
#   boot.sh PLACE PYTHON PACKAGES SITE BUNDLES
#
# Run as root; it stays until it is killed, and leaves nothing but the directory SITE. PLACE is an
# empty directory. PYTHON is where Python is installed, PACKAGES its site-packages; SITE becomes
# /srv, and has to lie on a file system that knows idmapped mounts; BUNDLES becomes /media/usb, and
# nothing of it is installed. The only interface is loopback.
set -eu
place=$1 python=$2 packages=$3 site=$4 bundles=$5

if [ -z "${BOOTED:-}" ]; then
  exec env BOOTED=1 unshare --mount --net --ipc --uts --propagation private "$0" "$@"
fi
if [ "$BOOTED" = 1 ]; then
  # A group of processes of its own, which systemd takes for all there is.
  mkdir -p "$place/groups"
  mount -t cgroup2 groups "$place/groups"
  group="$place/groups/appliance-test-$$"
  mkdir "$group"
  echo $$ > "$group/cgroup.procs"
  exec env BOOTED=2 unshare --cgroup --pid --fork --kill-child "$0" "$@"
fi

mount -t tmpfs -o mode=755 box "$place"
mkdir "$place/upper" "$place/work" "$place/root"
mount -t overlay -o "lowerdir=/,upperdir=$place/upper,workdir=$place/work" overlay "$place/root"
root=$place/root
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 groups "$root/sys/fs/cgroup"
mount --rbind /dev "$root/dev"
for name in run tmp dev/shm etc/systemd/system mnt media opt; do
  mount -t tmpfs -o mode=755 "$(basename $name)" "$root/$name"
done
chmod 1777 "$root/tmp" "$root/dev/shm"
mount --bind "$site" "$root/srv"
mkdir "$root/opt/python" "$root/opt/packages" "$root/media/usb" "$root/mnt/backup" "$root/mnt/witness"
mount --bind "$python" "$root/opt/python"
mount --bind "$packages" "$root/opt/packages"
mount --bind -o ro "$bundles" "$root/media/usb"
for name in backup witness; do mount -t tmpfs -o mode=777 "$name" "$root/mnt/$name"; done
ip link set lo up

# What the hardware wants, and a second resolver or clock, are not for here.
for unit in systemd-udevd systemd-udev-trigger systemd-modules-load systemd-sysctl \
  systemd-remount-fs systemd-random-seed systemd-firstboot systemd-machine-id-commit \
  systemd-networkd systemd-resolved systemd-timesyncd systemd-update-utmp; do
  ln -s /dev/null "$root/etc/systemd/system/$unit.service"
done
for unit in dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount \
  proc-sys-fs-binfmt_misc.automount dbus.socket systemd-udevd-kernel.socket \
  systemd-udevd-control.socket; do
  ln -s /dev/null "$root/etc/systemd/system/$unit"
done
: > "$root/etc/fstab"
echo 0123456789abcdef0123456789abcdef > "$root/etc/machine-id"
# A Python that was built to be moved finds its library there.
echo /opt/python/lib > "$root/etc/ld.so.conf.d/00-python.conf"

cd "$root"
mkdir before
pivot_root . before
umount -l /before
mount --make-rshared /
ldconfig
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --unit=basic.target --log-target=null --show-status=no
