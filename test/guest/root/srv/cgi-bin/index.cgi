#!/bin/sh
# What httpd answers at /: the guest's own view of itself.
read -r uptime _ </proc/uptime
read -r boot_id </proc/sys/kernel/random/boot_id
pressed=false
[ ! -e /run/power-button ] || pressed=true

disks=
for path in /sys/block/vd* /sys/block/sd*; do
  [ -e "$path" ] || continue
  read -r sectors <"$path/size"
  disks="$disks${disks:+,}{\"name\":\"${path##*/}\",\"bytes\":$((sectors * 512))}"
done

printf 'Content-Type: application/json\r\n\r\n'
cat <<JSON
{"hostname":"$(hostname)","instanceId":"$(cat /run/instance-id)","uptimeSeconds":$uptime,"bootId":"$boot_id",
"boots":$(cat /run/boots),"powerButton":$pressed,"disks":[$disks],
"memoryBytes":$(($(awk '/^MemTotal/ { print $2 }' /proc/meminfo) * 1024)),"cpus":$(nproc)}
JSON
