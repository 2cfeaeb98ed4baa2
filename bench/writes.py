# SPDX-License-Identifier: Apache-2.0
"""What a sequence costs by the rate at which its ids are used, and what 10,000 of them cost on
DynamoDB beside fixed blocks: real keepers on a clock of their own. docs/sizing.md explains it.

Nothing here is timed, so the figures are the same on every machine. --refill-interval is 30 s and
--ride-through 60 s, as by default. The program fails if the formulas of docs/sizing.md do not
hold."""
import json
import subprocess

import part

SHAPE = "one client on a store"


def measured(args, program):
    command = [part.program(args, program), "--json", *(["--quick"] if args.quick else [])]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def rate_row(row):
    return [f"{row[key]:.4g}" for key in
            ("ids_per_s", "writes_per_30_s", "reads_per_30_s", "writes_per_million",
             "burned_per_million", "clients_held_mean", "clients_held_most", "servers_held_mean",
             "servers_held_most", "ride_least_s", "ride_mean_s")]


def bill_row(row):
    return [row["spread"], f"{row['ids_per_s']:,.0f}", row["way"],
            f"{row['write_units_per_month'] / 1e6:,.1f}",
            f"{row['read_units_per_month'] / 1e6:,.1f}", f"{row['usd_per_month']:,.2f}",
            f"{row['crash_burns']:.2g}", f"{row['clean_stop_burns']:.2g}"]


def main():
    args = part.parse(part.arguments(__doc__, 1, 1), (1, 1), (1, 1))
    report = part.Part("writes", "Store operations", __doc__)
    found = measured(args, "writes_bench")
    for shape in dict.fromkeys(row["shape"] for row in found["rates"]):
        report.table(f"One sequence, {shape}",
                     ["ids/s", "writes in 30 s", "reads in 30 s", "writes per million ids",
                      "burned per million", "held by clients, mean", "most", "by pawld, mean",
                      "most", "rides, least s", "mean s"],
                     [rate_row(row) for row in found["rates"] if row["shape"] == shape])
    report.table("10,000 sequences on DynamoDB, a month",
                 ["spread", "ids/s", "way", "million write units", "million read units", "USD",
                  "a crash burns", "a clean stop burns"],
                 [bill_row(row) for row in found["dynamodb"]])
    rows = [row for row in found["rates"] if row["shape"] == SHAPE]
    steady = [row["writes_per_30_s"] for row in rows if row["ids_per_s"] >= 1]
    # A quick run counts so few refills that one more shows.
    report.verdict("most writes in 30 s, at one id a second and more", [max(steady)],
                   most=1.05 if args.quick else 1)
    report.plot("writes", "Store writes of one sequence, by its rate", ["ids/s", "writes/s"],
                {"pawl": [(row["ids_per_s"], row["writes_per_30_s"] / 30) for row in rows],
                 "one write per id": [(row["ids_per_s"], row["ids_per_s"]) for row in rows],
                 "fixed blocks of 500": [(row["ids_per_s"], row["ids_per_s"] / 500)
                                         for row in rows]})
    report.end(args)


if __name__ == "__main__":
    main()
