"""The classic agent: a question in, SQL, rows and an answer out, as one LangGraph graph."""
