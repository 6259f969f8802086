# What this task runs in its container, in the folder that its results are taken from.
set -eu

synthetic "$1" >> output.txt
