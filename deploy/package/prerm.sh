#!/bin/sh
set -e

if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
  systemctl disable --now dwbase-health.timer dwbase-backup.timer dwbase.service
fi
exit 0
