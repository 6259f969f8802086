#!/bin/sh
# Run by cloud-init at every boot: starts the lease, and the runner where it has been installed.
setsid /bin/sh /opt/hads/lease.sh </dev/null >/dev/null 2>&1 &
if [ -f /opt/hads/runner.py ] && [ -f /var/lib/hads/runner.json ]; then
    setsid python3 -I /opt/hads/runner.py run </dev/null >>/var/lib/hads/runner.log 2>&1 &
fi
