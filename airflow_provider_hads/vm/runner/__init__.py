"""The program that runs on every VM: it works off a queue of task attempts in containers.

It is sent to the VM as one file (``airflow_provider_hads.vm.bundle``) and must run there with Python 3.8 and
its standard library alone; nothing here imports anything else of this package. ``run`` is the loop, ``start``
detaches it, ``exchange`` is how the controller speaks to it. What an exchange doesn't need is imported late:
it is made at every look at the fleet.
"""
