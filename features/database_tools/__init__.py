"""Looks at the tables of a database: which there are, and one of them as DDL and as documentation."""
