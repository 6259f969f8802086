"""VMs over SSH: the connection, the commands, and the runner that works off a VM's queue."""
