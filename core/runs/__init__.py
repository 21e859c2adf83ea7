"""Runs: questions that are answered in the background, whose events can be watched from any worker.

record.py      what a run is, its states, its events
store.py       runs and their events in Redis, every change of state in one atomic script
live_run.py    a run of this process: its events as they come, its stop flag, its watchers
runner.py      the bounded pool that runs execute in, and their one way to an end
keeper.py      leases, stop requests of other workers, orphans, runs whose worker died
watching.py    one reader over live and stored runs
"""
