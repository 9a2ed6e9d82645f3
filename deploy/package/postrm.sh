#!/bin/sh
set -e

if [ "$1" = purge ]; then
  rm -rf /var/lib/dwbase /etc/dwbase /run/dwbase-health
  # what systemctl enable and dwbase install have made
  cd /etc/systemd/system 2>/dev/null || exit 0
  rm -f multi-user.target.wants/dwbase.service timers.target.wants/dwbase-health.timer \
    timers.target.wants/dwbase-backup.timer
  for unit in dwbase.service dwbase-backup.service; do
    rm -f $unit.d/data.conf $unit.d/target.conf
    rmdir $unit.d 2>/dev/null || true
  done
fi
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
fi
exit 0
