"""What the bundled use cases find: the table of docs/detections.md and the layer for the ATT&CK Navigator.

Usage: detections.py LABELLED.csv UNLABELLED.csv > docs/detections.md

It also writes the table by tactic in use_cases/README.md. Both files are results of `ee-outliers backtest --format csv --half b`: of recordings with labels of
attack and background, and of recordings that are known by their names only. Writes the layer to
docs/attack_layer.json, for all use cases. What finds nothing in either has no row.
"""

import csv
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def use_cases():
    """Name -> file and techniques, in the order of the files."""
    found = {}
    for folder in ("use_cases", "hunting"):
        for path in sorted((ROOT / folder).rglob("*.conf")):
            name = None
            for line in path.read_text().splitlines():
                section = re.fullmatch(r"\[(\w+)\]", line)
                if section:
                    name = section[1]
                elif line.startswith("technique=") and name:
                    found[name] = (path.relative_to(ROOT), line.removeprefix("technique=").split(","))
    return found


def results(path):
    """Name -> row of the use case with the sensitivity in use."""
    with open(path, newline="") as file:
        return {row["use_case"]: row for row in csv.DictReader(file) if row["in_use"] == "yes"}


def tactics():
    """Technique -> tactics."""
    lines = (ROOT / "src/config/use_case/techniques.txt").read_text().splitlines()
    return dict(line.split(" ", 1) for line in lines if line.startswith("T"))


def layer(known):
    """The layer: how many use cases show a technique."""
    counts = {}
    for _, techniques in known.values():
        for technique in techniques:
            counts[technique.strip()] = counts.get(technique.strip(), 0) + 1
    return {
        "name": "ee-outliers: bundled use cases",
        "versions": {"attack": "17", "navigator": "5.1.0", "layer": "4.5"},
        "domain": "enterprise-attack",
        "description": "Number of bundled use cases, those for hunting included, that show a technique",
        "techniques": [{"techniqueID": key, "score": counts[key], "enabled": True} for key in sorted(counts)],
        "gradient": {"colors": ["#dceaf7", "#1c5d99"], "minValue": 1, "maxValue": max(counts.values())},
    }


def by_tactic(known, tactic_of, found):
    """The table by tactic, in the order of ATT&CK; `found` has the names of use cases that find something."""
    order = (
        "initial-access execution persistence privilege-escalation defense-evasion credential-access discovery "
        "lateral-movement collection command-and-control exfiltration impact"
    )
    lines = ["| tactic | use cases | that find something | for hunting |", "|---|---|---|---|"]
    for tactic in order.split():
        names = [
            name
            for name, (_, techniques) in known.items()
            if any(tactic in tactic_of.get(key.strip(), "").split(",") for key in techniques)
        ]
        hunting = [name for name in names if str(known[name][0]).startswith("hunting")]
        n_default = len(names) - len(hunting)
        lines.append(f"| {tactic} | {n_default} | {len(found.intersection(names))} | {len(hunting)} |")
    return "\n".join(lines)


def main():
    labelled, unlabelled, known, tactic_of = results(sys.argv[1]), results(sys.argv[2]), use_cases(), tactics()
    rows = []
    for name, (path, techniques) in known.items():
        row, other = labelled.get(name), unlabelled.get(name)
        n_found = int(row["recordings"]) + int(row["unlabelled_recordings"]) if row else 0
        n_other = int(other["unlabelled_recordings"]) if other else 0
        if n_found + n_other == 0:
            continue
        names = sorted({tactic for key in techniques for tactic in tactic_of.get(key.strip(), "").split(",") if tactic})
        n_background = int(row["background_documents"]) if row else 0
        rows.append((names[0] if names else "", name, path, n_found, n_other, n_background))
    rows.sort()
    total, other_total = labelled["in all"], unlabelled["in all"]
    print(
        f"""# What the bundled use cases find

{len(known)} use cases ship with the program, {sum(str(path).startswith("hunting") for path, _ in known.values())} of them for hunting, which run if they are asked for.
This is what the others find in recordings of attacks on Windows. Use cases were written and
chosen on one half of the recordings, by a hash of their names; the figures are those of the other
half (`ee-outliers backtest --half b`, [backtest.md](backtest.md)). Use cases that find nothing
there have no row: these recordings hold no cloud, Linux or web logs, and little of some channels.
All use cases have test events (`tests/data`).

*Labelled*: recordings of OTRF's Security-Datasets, in which events of the attack are labelled (42
recordings), or not (20). *Steps*: 138 short recordings, mostly of one attack step each
(EVTX-ATTACK-SAMPLES). *Background*: flagged documents of OTRF that are not of the attack, of
{round(int(total["background_documents"]) / float(total["background_documents_per_10k_events"])) * 10_000:,} or so.

In all: {int(total["recordings"])} of 42 labelled recordings, {int(total["unlabelled_recordings"])} of 20 without labels, and
{int(other_total["unlabelled_recordings"])} of 138 steps, with {float(total["background_documents_per_10k_events"]):.1f} background documents per 10,000.

`attack_layer.json` beside this file shows the techniques of all use cases in the
[ATT&CK Navigator](https://mitre-attack.github.io/attack-navigator/).

| tactic | use case | file | labelled | steps | background |
|---|---|---|---|---|---|"""
    )
    for tactic, name, path, n_found, n_other, n_background in rows:
        print(f"| {tactic} | `{name}` | `{path}` | {n_found} | {n_other} | {n_background} |")
    readme = ROOT / "use_cases/README.md"
    table = by_tactic(known, tactic_of, {name for _, name, *_ in rows})
    text = re.sub(r"\| tactic \|(.*\n)(\|.*\n)*", lambda _: table + "\n", readme.read_text(), count=1)
    readme.write_text(text)
    (ROOT / "docs/attack_layer.json").write_text(json.dumps(layer(known), indent=1) + "\n")


if __name__ == "__main__":
    main()
