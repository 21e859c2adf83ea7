"""Questions to the ReAct agent, what its threads hold, and the upkeep of their checkpoints."""
