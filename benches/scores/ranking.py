#!/usr/bin/env python3
"""Precision of the ranking of findings, by labels that the program never looks at.

    ranking.py EVENTS.ndjson FINDINGS.ndjson        findings of `--findings`, over these events
    ranking.py --adapt EVENTS.ndjson > SYSMON.ndjson

EVENTS hold `labels.attack`: `attack`, `background` or `unknown` (counted as neither). They must not
have ids of their own, so that the id of a document is the number of its line. A finding counts as
what the event of its sample document is. Rows:

    findings    in the order of the file
    own score   sorted by `own_score`: without what other use cases say about the same event
    by use case in the order of the use cases of a run: what a table by use case would show
    events      each event once, at its first finding

`base` is the share of attacks, which is also the precision that a random order has on average; +-
is the standard deviation of the precision of the first 50 in a random order. `--adapt` gives
Sysmon events that lack `Channel` and `Hostname` the names that the shipped use cases look for.
"""

import json
import math
import sys

FIRST = (10, 50, 100)


def labels_of(path):
    with open(path, "rb") as lines:
        return [json.loads(line)["labels"]["attack"] for line in lines]


def precision(attacks, first):
    top = attacks[:first]
    return sum(top) / len(top)


def average_precision(attacks):
    found, total = 0, 0.0
    for rank, is_attack in enumerate(attacks, 1):
        if is_attack:
            found += 1
            total += found / rank
    return total / max(found, 1)


def row(name, labels):
    attacks = [label == "attack" for label in labels if label != "unknown"]
    base = sum(attacks) / len(attacks)
    spread = math.sqrt(base * (1 - base) / min(50, len(attacks)) * (1 - min(50, len(attacks)) / len(attacks)))
    cells = [f"{precision(attacks, first):.2f}" for first in FIRST] + [f"{average_precision(attacks):.2f}"]
    return f"| {name} | {len(attacks):,} | {base:.2f} +-{spread:.2f} | {' | '.join(cells)} |"


def adapt(path):
    with open(path, "rb") as lines:
        for line in lines:
            event = json.loads(line)
            event.setdefault("Channel", "Microsoft-Windows-Sysmon/Operational")
            event.setdefault("EventID", event.get("EventId"))
            event.setdefault("Hostname", "host")
            print(json.dumps(event))


def main(events, findings):
    labels = labels_of(events)
    with open(findings, "rb") as lines:
        found = [json.loads(line) for line in lines]
    label = lambda finding: labels[int(finding["id"])]
    print("| order | rows | base | first 10 | first 50 | first 100 | average precision |")
    print("|---|---|---|---|---|---|---|")
    print(row("findings", map(label, found)))
    print(row("own score", map(label, sorted(found, key=lambda finding: -finding["own_score"]))))
    print(row("by use case", map(label, sorted(found, key=lambda finding: finding["use_case"]))))
    first_by_event = {}
    for finding in found:
        first_by_event.setdefault(finding["id"], finding)
    print(row("events", map(label, first_by_event.values())))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--adapt"]:
        adapt(sys.argv[2])
    elif len(sys.argv) == 3:
        main(*sys.argv[1:])
    else:
        sys.exit(__doc__)
