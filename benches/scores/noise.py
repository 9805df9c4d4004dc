"""False discoveries in noise, and discoveries of planted values, as tables for docs/scores.md.

Usage: noise.py PROGRAM [SEEDS [EVENTS]]

Makes events whose fields are noise of known distributions, in 1, 100 and 10,000 groups, and runs
use cases with trigger_method=fdr at a rate of 0.05 over them, with and without planted values.
Exits with 1 if more runs find something in noise than the rate allows (95 % interval).
"""

import json
import math
import os
import random
import subprocess
import sys
import tempfile

RATE = 0.05
N_PLANTED = 20
GROUPS = (1, 100, 10_000)
# tail probabilities of the planted values
SIZES = (1e-9, 1e-12, 1e-16)


def normal_quantile(p):
    """Value that a standard normal variable exceeds with probability p."""
    low, high = 0.0, 40.0
    for _ in range(200):
        middle = (low + high) / 2
        if math.erfc(middle / math.sqrt(2)) / 2 > p:
            low = middle
        else:
            high = middle
    return low


def poisson(rng, mean):
    n, time = 0, rng.expovariate(1)
    while time < mean:
        n, time = n + 1, time + rng.expovariate(1)
    return n


def poisson_quantile(p, mean):
    n = int(mean)
    while True:
        n += 1
        tail = sum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(n, n + 200))
        if tail < p:
            return n


# name: (a value, the value that is exceeded with a probability)
BODIES = {
    "normal": (lambda rng: rng.gauss(0, 1), normal_quantile),
    "log-normal": (lambda rng: math.exp(rng.gauss(0, 1)), lambda p: math.exp(normal_quantile(p))),
    "exponential": (lambda rng: rng.expovariate(1), lambda p: -math.log(p)),
    "Poisson counts": (lambda rng: poisson(rng, 4), lambda p: poisson_quantile(p, 4)),
}

METRICS = """[metrics_b{body}_g{groups}]
run_model=1
es_query_filter=*
outlier_type=t
outlier_reason=r
outlier_summary={{metric}}
target=b{body}
aggregator=g{groups}
metric=numerical_value
trigger_on=high
trigger_method=fdr
trigger_sensitivity=0.05

"""

TERMS = """[terms_{on}_g{groups}]
run_model=1
es_query_filter=*
outlier_type=t
outlier_reason=r
outlier_summary={{term}}
target=zipf
aggregator=g{groups}
target_count_method=within_aggregator
trigger_on={on}
trigger_method=fdr
trigger_sensitivity=0.05

"""

SUDDEN = """[sudden_appearance_g{groups}]
run_model=1
es_query_filter=*
outlier_type=t
outlier_reason=r
outlier_summary={{zipf}}
target=zipf
aggregator=g{groups}
sliding_window_size=1:00:00
sliding_window_step_size=1:00:00
trigger_method=fdr
trigger_sensitivity=0.05

"""


def found(program, folder, lines):
    """Number of outliers by use case."""
    events, report = os.path.join(folder, "e.ndjson"), os.path.join(folder, "r.json")
    with open(events, "w") as file:
        file.writelines(lines)
    arguments = ["--use-cases", os.path.join(folder, "u.conf"), "--events", events, "-o", os.devnull]
    subprocess.run([program, "run", "-q", *arguments, "--report", report], check=True)
    with open(report) as file:
        return {entry["name"]: entry["outliers"] for entry in json.load(file)["use_cases"]}


def made(seed, n, size=None):
    """Lines of n events; the first ones have planted values of this tail probability."""
    rng = random.Random(seed)
    for number in range(n):
        is_planted = size is not None and number < N_PLANTED
        second = number * 86_400 // n
        event = {"@timestamp": f"2024-05-07T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"}
        for body, (value, quantile) in enumerate(BODIES.values()):
            drawn = value(rng)
            event[f"b{body}"] = quantile(size) if is_planted else drawn
        # the term of rank r is about r times as rare as the first one
        event["zipf"] = f"t{int(10_000 ** rng.random())}"
        for groups in GROUPS:
            event[f"g{groups}"] = f"g{rng.randrange(groups)}"
        yield json.dumps(event) + "\n"


def interval(k, n):
    """95 % interval of a share of k in n (Wilson)."""
    z, share = 1.96, k / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def main():
    program = os.path.abspath(sys.argv[1])
    n_seeds = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    n_events = int(sys.argv[3]) if len(sys.argv) > 3 else 100_000
    names = {f"metrics_b{body}_g{groups}": (name, groups) for body, name in enumerate(BODIES) for groups in GROUPS}
    terms = {
        f"terms_{on}_g{groups}": (f"Zipf terms, {word}", groups)
        for on, word in (("low", "rare"), ("high", "frequent"))
        for groups in GROUPS
    }
    terms |= {f"sudden_appearance_g{groups}": ("Zipf terms, new", groups) for groups in GROUPS}
    false_runs = dict.fromkeys([*names, *terms], 0)
    false_outliers = dict.fromkeys(false_runs, 0)
    discovered = {name: [0] * len(SIZES) for name in names}
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "u.conf"), "w") as file:
            for body in range(len(BODIES)):
                file.writelines(METRICS.format(body=body, groups=groups) for groups in GROUPS)
            file.writelines(TERMS.format(on=on, groups=groups) for on in ("low", "high") for groups in GROUPS)
            file.writelines(SUDDEN.format(groups=groups) for groups in GROUPS)
        for seed in range(n_seeds):
            for name, n in found(program, folder, made(seed, n_events)).items():
                false_runs[name] += n > 0
                false_outliers[name] += n
            for idx, size in enumerate(SIZES):
                for name, n in found(program, folder, made(seed, n_events, size)).items():
                    if name in discovered:
                        discovered[name][idx] += min(n, N_PLANTED)
    print("| noise | groups | runs with a false finding | 95 % interval | false outliers per run |", end="")
    print("".join(f" found of {size:g} |" for size in SIZES))
    print("|---|---|---|---|---|" + "---|" * len(SIZES))
    for name, (noise, groups) in [*names.items(), *terms.items()]:
        low, high = interval(false_runs[name], n_seeds)
        shares = [f"{100 * n / (N_PLANTED * n_seeds):.0f} %" for n in discovered.get(name, [])] or ["-"] * len(SIZES)
        cells = [noise, f"{groups:,}", f"{false_runs[name]} of {n_seeds}", f"{low:.2f} to {high:.2f}"]
        print("| " + " | ".join([*cells, f"{false_outliers[name] / n_seeds:g}", *shares]) + " |")
    n_runs, n_false = n_seeds * len(false_runs), sum(false_runs.values())
    low, high = interval(n_false, n_runs)
    print(f"\n{n_false} of {n_runs} runs find something in noise: {low:.3f} to {high:.3f}, promised {RATE}")
    sys.exit(low > RATE)


main()
