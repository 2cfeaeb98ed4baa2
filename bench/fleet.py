# SPDX-License-Identifier: Apache-2.0
"""A day of fleets of 10, 100 and 1,000 servers, with deployments, kills, a lost region and a store
that is away: a sample of sequences exactly, scaled. Then one whole server through an outage of its
store. docs/sizing.md tells what is exact and what is scaled.

Nothing here is timed, so the figures are the same on every machine."""
import part
from writes import measured

FIGURES = {"ids": "ids", "store_writes": "store writes", "store_reads": "store reads",
           "client_asks": "asks of clients", "burned": "ids burned", "failed": "calls that failed",
           "writes_per_s_16h": "writes/s at 16:00", "writes_per_s_store_back":
           "writes/s once the store is back", "holdings_per_server": "sequences in a server",
           "connections_per_server": "connections of a server"}


def main():
    args = part.parse(part.arguments(__doc__, 1, 1), (1, 1), (1, 1))
    report = part.Part("fleet", "A day of a fleet", __doc__)
    found = measured(args, "fleet_bench")
    fleets = found["fleets"]
    report.table("A day, by servers", ["", *(f"{fleet['servers']:,}" for fleet in fleets)],
                 [[name, *(f"{fleet[key]:.4g}" for fleet in fleets)]
                  for key, name in FIGURES.items()])
    for fleet in fleets:
        report.table(f"{fleet['servers']:,} servers, by hour", ["", "writes/s", "burned", "failed"],
                     [[one["phase"], f"{one['writes'] / one['hours'] / 3600:.4g}",
                       f"{one['burned']:.3g}", f"{one['failed']:.3g}"] for one in fleet["phases"]])
    report.table("A whole server, its store away for 3 min",
                 ["sequences", "bytes for each", "writes/s before", "tries/s while away",
                  "first dry, s", "most writes/s after", "all serve, s", "all full, s"],
                 [[f"{value:,.4g}" for value in row.values()] for row in found["whole_servers"]])
    growth = (fleets[-1]["store_writes"] / fleets[-1]["servers"]
              / (fleets[0]["store_writes"] / fleets[0]["servers"]))
    report.verdict("store writes per server, 1,000 servers against 10", [growth], most=1.1)
    report.end(args)


if __name__ == "__main__":
    main()
