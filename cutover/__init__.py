"""The cut-over from the historical service: what proves that this one answers alike, and what moves its data."""
