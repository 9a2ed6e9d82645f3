#!/bin/sh
set -e

if [ "$1" = configure ]; then
  if ! getent passwd dwbase >/dev/null; then
    adduser --system --group --no-create-home --home /var/lib/dwbase --quiet dwbase
  fi
  install -d -o dwbase -g dwbase -m 700 /var/lib/dwbase /var/lib/dwbase/data
  if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    if [ -z "$2" ]; then
      systemctl enable dwbase.service dwbase-health.timer
      systemctl start dwbase-health.timer
    else
      # an upgrade: a node that runs goes on with the new executable
      systemctl try-restart dwbase.service
    fi
  fi
fi
exit 0
