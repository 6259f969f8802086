#!/bin/sh
# Powers this VM off when its lease has ended, whatever else has died. Started at every boot.
# The lease's end is an absolute time, so that a boot or a resume after it ends the VM at once.
# Usage: lease.sh [file with the end in Unix seconds] [seconds between two looks]
expiry_file=${1:-/var/lib/hads/expiry}
interval=${2:-5}

# Until a readable end is seen, five minutes: a VM without a lease must not stay.
expiry=$(($(date +%s) + 300))

while :; do
    read -r written 2>/dev/null < "$expiry_file" || written=${written:-}
    written=${written%%.*}
    case $written in
        '' | *[!0-9]*) ;;  # not readable: the last end that was holds
        *) expiry=$written ;;
    esac
    if [ "$(date +%s)" -ge "$expiry" ]; then
        logger -t hads "the lease has ended: powering off" 2>/dev/null
        shutdown -h now || poweroff -f
    fi
    sleep "$interval"
done
