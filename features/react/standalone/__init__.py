"""The stand-alone ReAct service: its own routes and bodies over the services of the ReAct agent."""
