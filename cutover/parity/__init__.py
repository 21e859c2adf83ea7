"""Replays recorded exchanges of the historical service against a running one and compares the answers."""
