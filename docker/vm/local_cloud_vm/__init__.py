"""The inside of a VM of the local cloud: its init process and a strict reader of cloud-config."""
