"""Where threads are remembered: a LangGraph saver for the graph, and records for those who read and clean up."""
