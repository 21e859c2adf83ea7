"""What the question services learn from: pairs, wrong pairs, DDL and documentation, kept, reviewed and uploaded."""
