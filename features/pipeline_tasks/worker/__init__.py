"""What a worker does with one run of a task: its lease, its steps, their progress and how it ends."""
