"""The guard's reading of names against the server's own, on queries from a fixed seed."""

from tools.guard_differential import run

# Kinds that are refused although a server would take them: what the parser cannot read, relations with denied columns
# under an alias list or NATURAL JOIN, fields of a function's rows, and expressions no row ever needs.
KNOWN_KINDS = {"parse.syntax", "column.star", "column.unsettled", "column.denied", "column.whole_row"}


def test_guard_finds_every_column_the_server_reads(scratch_business_url: str) -> None:
    tally = run(scratch_business_url, count=700, seed=11)
    assert tally.compared > 80
    assert tally.hostile > 30
    assert tally.legitimate > 120
    assert (tally.fewer, tally.more, tally.hostile_admitted) == (0, 0, 0), tally.examples
    assert set(tally.refused) <= KNOWN_KINDS, tally.examples
