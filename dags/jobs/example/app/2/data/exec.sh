# What this task runs in its container, in the folder that its results are taken from.
set -eu -o pipefail

# Into its results, and, for whoever looks into the task's log, to the container's output.
synthetic "$1" | tee -a output.txt
