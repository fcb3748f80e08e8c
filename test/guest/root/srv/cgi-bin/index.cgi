#!/bin/sh
# What httpd answers at /: the guest's own view of itself.
read -r uptime _ </proc/uptime
read -r boot_id </proc/sys/kernel/random/boot_id
pressed=false
[ ! -e /run/power-button ] || pressed=true

disks=
for path in /sys/block/vd*; do
  [ -e "$path" ] || continue
  read -r sectors <"$path/size"
  disks="$disks${disks:+,}{\"name\":\"${path##*/}\",\"bytes\":$((sectors * 512))}"
done

printf 'Content-Type: application/json\r\n\r\n'
printf '{"hostname":"%s","instanceId":"%s","uptimeSeconds":%s,"bootId":"%s","boots":%s,"powerButton":%s,' \
  "$(hostname)" "$(cat /run/instance-id)" "$uptime" "$boot_id" "$(cat /run/boots)" "$pressed"
printf '"disks":[%s],"memoryBytes":%s,"cpus":%s}\n' \
  "$disks" "$(awk '/^MemTotal/ { print $2 * 1024 }' /proc/meminfo)" "$(nproc)"
