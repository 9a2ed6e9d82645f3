#!/bin/sh
set -e

# what is enabled stays so until a purge: the package may come back, and a unit that is not there is not started
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
  systemctl stop dwbase-health.timer dwbase-backup.timer dwbase.service
fi
exit 0
