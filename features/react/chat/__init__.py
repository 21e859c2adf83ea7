"""The async guide's service on the ReAct agent: `/chat`, its health, and `/redis/direct`."""
