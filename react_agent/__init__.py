"""The ReAct agent: answers harder questions in steps with tools, remembered by thread."""
