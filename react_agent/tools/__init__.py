"""The tools of the ReAct agent; `toolbox` calls them, everything they touch on the database goes through the guard."""
