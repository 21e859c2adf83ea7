"""The chat service on the ReAct agent (docs/react_service.md): `/chat`, its health, and `/redis/direct`."""
