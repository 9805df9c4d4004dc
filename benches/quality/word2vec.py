"""Measures how well `word2vec` separates texts from attacks from ordinary ones.

word2vec.py [--program FILE] [--seed N] EVENTS...

EVENTS are Sysmon events as NDJSON (also .gz, and .zst if zstd is installed) with `labels.attack`:
attack, background, or unknown. The program scores the command lines and program paths of process
starts and the names in DNS queries in each form and with each score, with the settings of the
shipped use case for such texts. It sees only time and text, never a label. Prints a Markdown table.
"""

import argparse
import collections
import configparser
import gzip
import json
import math
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Kind of text: number of the Sysmon event, field, file and name of the shipped use case.
KINDS = {
    "command line": (1, "CommandLine", "use_cases/windows/process.conf", "word2vec_command_line"),
    "program path": (1, "Image", "use_cases/windows/process.conf", "word2vec_program_path"),
    "domain name": (22, "QueryName", "use_cases/zeek/network.conf", "word2vec_domain_name"),
}
FORMS = {
    "counted": {"use_prob_model": "1"},
    "neural": {"use_prob_model": "0", "num_epochs": "20", "learning_rate": "0.01"},
}
SCORES = ["center", "context", "total", "mean"]

# Keys of the shipped use case that define words and neighbours, and how they are learned.
KEPT = ["separators", "size_window", "min_uniq_word_occurrence", "batch_size"]

# Probabilities are at most 1, so every text is below this frontier and its score is written.
EVERY_TEXT = {"trigger_focus": "text", "trigger_on": "low", "trigger_method": "float", "trigger_sensitivity": "2"}

N_FIRST = 50


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "target/release/ee-outliers"))
    parser.add_argument("--seed", type=int, default=0, help="of the neural models")
    parser.add_argument("events", nargs="+", type=pathlib.Path)
    args = parser.parse_args()
    print("| events | text | number | scored | chance | form |", *(f"{score} |" for score in SCORES), "rarity |")
    print("|---|---|---|---|---|---|" + "---|" * (len(SCORES) + 1))
    for path in args.events:
        texts = list(labelled_texts(path))
        scores = scores_of(texts, args.program, args.seed)
        for kind in KINDS:
            print_rows(path.name.split(".")[0], kind, texts, scores)


def labelled_texts(path):
    """Yields (kind, label, time, text) of each text, in the order of the events."""
    for line in lines_of(path):
        event = json.loads(line)
        # recordings spell the field in either way
        number = str(event.get("EventID", event.get("EventId")))
        for kind, (wanted, field, _, _) in KINDS.items():
            text = event.get(field)
            if number == str(wanted) and isinstance(text, str) and text:
                yield kind, event["labels"]["attack"], event["@timestamp"], text


def lines_of(path):
    if path.suffix == ".zst":
        command = ["zstd", "-dc", "--long=27", str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as unpacked:
            yield from unpacked.stdout
        if unpacked.returncode != 0:
            sys.exit(f"{path}: zstd failed")
        return
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
        yield from lines


def scores_of(texts, program, seed):
    """Returns, by name of use case, the score of each text that has one, by number of the text."""
    with tempfile.TemporaryDirectory() as folder:
        events, use_cases, output = (pathlib.Path(folder) / name for name in ("e.ndjson", "u.conf", "o.ndjson"))
        with events.open("w") as file:
            for kind, _, time, text in texts:
                file.write(json.dumps({"@timestamp": time, "kind": kind, "text": text}) + "\n")
        use_cases.write_text("\n".join(sections(seed)))
        command = [program, "run", "-q", "--use-cases", use_cases, "--events", events, "-o", output]
        subprocess.run(command, check=True)
        scores = collections.defaultdict(dict)
        for line in output.open():
            hit = json.loads(line)
            outliers = hit["_source"]["outliers"]
            for name, score in zip(outliers["model_name"], outliers["score"], strict=True):
                scores[name][int(hit["_id"])] = score
    return scores


def sections(seed):
    """Yields a use case for each kind, form and score."""
    for kind, (_, _, file, shipped) in KINDS.items():
        parser = configparser.RawConfigParser(delimiters="=", comment_prefixes="#")
        parser.optionxform = str
        parser.read_string((ROOT / file).read_text())
        kept = {key: parser[shipped][key] for key in KEPT if key in parser[shipped]}
        for form, keys in FORMS.items():
            for score in SCORES:
                name = use_case_name(kind, form, score)
                # documents keep only one of several outliers with equal summaries, so each use case
                # needs its own
                section = {"es_query_filter": f'kind:"{kind}"', "aggregator": "kind", "target": "text", **kept, **keys}
                section |= {"seed": seed, "trigger_score": score, "outlier_summary": name, **EVERY_TEXT}
                section |= {"outlier_type": "quality", "outlier_reason": "quality", "run_model": "1"}
                yield f"[word2vec_{name}]\n" + "".join(f"{key}={value}\n" for key, value in section.items())


def use_case_name(kind, form, score):
    return f"{kind} {form} {score}".replace(" ", "_")


def print_rows(data, kind, texts, scores):
    labels = {n: label for n, (of, label, _, _) in enumerate(texts) if of == kind and label != "unknown"}
    n_attack = sum(label == "attack" for label in labels.values())
    if n_attack in (0, len(labels)):
        return
    frequency = collections.Counter(text for of, _, _, text in texts if of == kind)
    rarity = judged({n: frequency[texts[n][3]] for n in labels}, labels)
    for form in FORMS:
        by_score = [scores[use_case_name(kind, form, score)] for score in SCORES]
        n_scored = sum(n in by_score[0] for n in labels)
        figures = " | ".join(judged(of, labels) for of in by_score)
        chance = f"{n_attack / len(labels):.2f}"
        print(f"| {data} | {kind} | {len(labels)} | {n_scored} | {chance} | {form} | {figures} | {rarity} |")


def judged(scores, labels):
    """AUC, and precision of the lowest scores.

    A text without a score is never an outlier, so it comes last, as the most ordinary.
    """
    n_of = collections.defaultdict(lambda: [0, 0])
    for n, label in labels.items():
        n_of[scores.get(n, math.inf)][label == "attack"] += 1
    ranked = [n_of[score] for score in sorted(n_of)]
    return f"{auc(ranked):.2f} / {precision(ranked):.2f}"


def auc(ranked):
    """Probability that a text from an attack has a lower score than an ordinary one.

    Equal scores count half. `ranked` holds the numbers of ordinary and of attack texts per score,
    lowest score first.
    """
    n_ordinary, n_attack = (sum(n) for n in zip(*ranked))
    pairs, n_higher = 0.0, n_ordinary
    for ordinary, attack in ranked:
        n_higher -= ordinary
        pairs += attack * (n_higher + ordinary / 2)
    return pairs / (n_attack * n_ordinary)


def precision(ranked):
    """Share of attacks among the first texts.

    Equal scores at the cut-off count with their average share, whatever their order.
    """
    n_left, found = N_FIRST, 0.0
    for ordinary, attack in ranked:
        n = min(n_left, ordinary + attack)
        found += attack * n / (ordinary + attack)
        n_left -= n
    return found / (N_FIRST - n_left)


if __name__ == "__main__":
    main()
