#!/usr/bin/env python3
"""The same questions of the same events, to this program and to engines that a user could pick.

    questions.py make FOLDER EVENTS GROUPS [SEED]     FOLDER/events.ndjson and FOLDER/events.parquet
    questions.py ask PROGRAM FOLDER [--runs N] [--only QUESTIONS] [--source ndjson|parquet]
                     [--engines NAMES]

Questions, in the words of use cases:

    rare        terms, rare within its aggregator: fewer than a tenth of the host's commonest program
    across      terms across aggregators: programs that fewer than three hosts run
    length      command lines longer than mean + 3 standard deviations of their program
    entropy     command lines whose entropy is above the 99th percentile of their program's values
    first       programs that a host ran for the first time in the last hour of a day
    mad         more bytes than the median + 3 times the median absolute deviation of the host

Each is answered by a process of its own, with two threads: by `--runs` of each engine in turn. The
table has the medians of wall time and processor time in seconds, and the number of events found;
nobody writes documents. Times of this program are those of its whole process; those of the others
begin when their library is loaded. An engine that finds another number of events is marked with
`!`: it did not answer the question. (Entropies may differ in their last bit, which decides at the
percentile, so there one in a hundred may differ.) `-` is a question that an engine has no functions for. `best`
is the wall time of the fastest other engine with the same answer divided by that of this program.

Needs: pip install duckdb polars chdb datafusion pyarrow numpy
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

QUESTIONS = ("rare", "across", "length", "entropy", "first", "mad")
ENGINES = ("duckdb", "polars", "chdb", "datafusion")
START, DAY = "2024-05-01T00:00:00", 86_400
LAST_HOUR = "2024-05-01T23:00:00"


def make(folder, n_events, n_groups, seed=1):
    import numpy
    import pyarrow
    import pyarrow.parquet

    os.makedirs(folder, exist_ok=True)
    random = numpy.random.default_rng(seed)
    words = numpy.array([f"{random.integers(1 << 40):x}" for _ in range(5000)])
    schema = pyarrow.schema([
        ("@timestamp", pyarrow.timestamp("ms", tz="UTC")),
        ("host", pyarrow.struct([("name", pyarrow.string()), ("os", pyarrow.string())])),
        ("process", pyarrow.struct([("name", pyarrow.string()), ("command_line", pyarrow.string()), ("pid", pyarrow.int64())])),
        ("network", pyarrow.struct([("bytes", pyarrow.int64())])),
        ("user", pyarrow.struct([("name", pyarrow.string())])),
    ])
    begin = numpy.datetime64(START, "ms")
    with open(f"{folder}/events.ndjson", "w", buffering=1 << 20) as lines, \
            pyarrow.parquet.ParquetWriter(f"{folder}/events.parquet", schema, compression="zstd") as columns:
        for first in range(0, n_events, 100_000):
            n = min(100_000, n_events - first)
            times = begin + numpy.sort(random.integers(0, DAY * 1000, n)).astype("timedelta64[ms]")
            hosts = random.integers(0, n_groups, n)
            programs = numpy.minimum(random.zipf(1.3, n), 10_000)
            n_words = random.integers(2, 9, n) + numpy.where(random.random(n) < 0.002, 30, 0)
            sizes = random.lognormal(8, 1, n).astype(numpy.int64)
            picked = words[random.integers(0, len(words), int(n_words.sum()))]
            ends = numpy.cumsum(n_words)
            rows = []
            for row in range(n):
                arguments = " ".join(picked[ends[row] - n_words[row] : ends[row]])
                name = f"program{programs[row]}.exe"
                rows.append({
                    "@timestamp": str(times[row]) + "Z",
                    "host": {"name": f"host-{hosts[row]:07}.example.org", "os": "windows"},
                    "process": {"name": name, "command_line": f"C:\\Program Files\\{name} {arguments}", "pid": int(row)},
                    "network": {"bytes": int(sizes[row])},
                    "user": {"name": f"user{row % 97}"},
                })
            lines.writelines(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
            arrays = [pyarrow.array(times)] + [pyarrow.array([row[name] for row in rows], schema.field(name).type) for name in schema.names[1:]]
            columns.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))


# ---- this program

MODELS = {
    "rare": """[terms_rare]
aggregator=host.name
target=process.name
target_count_method=within_aggregator
trigger_on=low
trigger_method=pct_of_max_value
trigger_sensitivity=10""",
    "across": """[terms_across]
aggregator=process.name
target=host.name
target_count_method=across_aggregators
trigger_on=low
trigger_method=float
trigger_sensitivity=3""",
    "length": """[metrics_length]
aggregator=process.name
target=process.command_line
metric=length
trigger_on=high
trigger_method=stdev
trigger_sensitivity=3""",
    "entropy": """[metrics_entropy]
aggregator=process.name
target=process.command_line
metric=entropy
trigger_on=high
trigger_method=percentile
trigger_sensitivity=99""",
    "first": """[sudden_appearance_first]
aggregator=host.name
target=process.name
history_window_days=1
history_window_hours=0
sliding_window_size=1:0:0
sliding_window_step_size=0:1:0""",
    "mad": """[metrics_mad]
aggregator=host.name
target=network.bytes
metric=numerical_value
trigger_on=high
trigger_method=mad
trigger_sensitivity=3""",
}


def ours(program, question, path):
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/use_case.conf", "w") as file:
            file.write(MODELS[question] + "\nes_query_filter=*\noutlier_type=a\noutlier_reason=b\noutlier_summary=c\nrun_model=1\n")
        command = [program, "run", "-q", "--threads", "2", "--use-cases", f"{folder}/use_case.conf", "--events", path]
        command += ["--from", f"{START}Z", "--to", "2024-05-02T00:00:00Z", "--report", f"{folder}/report.json"]
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        wall, after = time.time() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        with open(f"{folder}/report.json") as file:
            n_found = sum(use_case["outliers"] for use_case in json.load(file)["use_cases"])
    return n_found, wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


# ---- the others: SQL

def sql(question, f):
    """The question in SQL; `f` has the functions of a dialect by name, and `events`: the rows."""
    events = f["events"]
    named = f"(select * from {events} where h is not null and p is not null)"
    lines = f"(select * from {events} where cl is not null and p is not null)"
    if question == "rare":
        return f"""with g as (select h, p, count(*) n from {named} group by h, p),
            m as (select h, max(n) mx from g group by h)
            select sum(n) from g join m on g.h = m.h where n < mx * 0.1"""
    if question == "across":
        return f"""with g as (select h, p, count(*) n from {named} group by h, p)
            select sum(s) from (select p, count(*) c, sum(n) s from g group by p) where c < 3"""
    if question == "length":
        value = f["length"]("cl")
        return f"""with s as (select p sp, avg({value}) + 3 * {f["stddev"]}({value}) mx from {lines} group by p)
            select count(*) from {lines} e join s on e.p = s.sp where {value} > mx"""
    if question == "entropy":
        value = f["entropy"]("cl")
        return f"""with e as (select p, {value} v from {lines}),
            s as (select p sp, {f["percentile"]("v")} mx from e group by p)
            select count(*) from e join s on e.p = s.sp where v > mx"""
    if question == "first":
        last = f["time"](LAST_HOUR)
        return f"select count(*) from (select h, p, min(t) t from {named} group by h, p) where t > {last}"
    sized = f"(select * from {events} where h is not null and b is not null)"
    if "mad" in f:
        return f"""with s as (select h sh, median(b) + 3 * mad(b) mx from {sized} group by h)
            select count(*) from {sized} e join s on e.h = s.sh where b > mx"""
    return f"""with m as (select h mh, {f["median"]("b")} md from {sized} group by h),
        s as (select h sh, min(md) + 3 * {f["median"]("abs(b - md)")} mx from {sized} e join m on e.h = m.mh group by h)
        select count(*) from {sized} e join s on e.h = s.sh where b > mx"""


COLUMNS = "host.name h, process.name p, process.command_line cl, network.bytes b, \"@timestamp\" t"


def duckdb_answer(question, path):
    import duckdb

    start = clock()
    connection = duckdb.connect()
    connection.execute("set threads=2")
    if path.endswith(".parquet"):
        source = f"read_parquet('{path}')"
    else:
        fields = "host:'STRUCT(name VARCHAR)',process:'STRUCT(name VARCHAR, command_line VARCHAR)',network:'STRUCT(bytes BIGINT)','@timestamp':'TIMESTAMP'"
        source = f"read_json('{path}',format='newline_delimited',columns={{{fields}}},ignore_errors=true)"
    functions = {
        "events": f"(select {COLUMNS} from {source})",
        "length": lambda column: f"length({column})",
        "stddev": "stddev_pop",
        "entropy": lambda column: f"list_aggregate(string_split({column}, ''), 'entropy')",
        "percentile": lambda column: f"quantile_cont(distinct {column}, 0.99)",
        "time": lambda text: f"timestamp '{text}'",
        "mad": True,
    }
    return connection.execute(sql(question, functions)).fetchone()[0], start


def chdb_answer(question, path):
    import chdb

    start = clock()
    types = "host Tuple(name Nullable(String)), process Tuple(name Nullable(String), command_line Nullable(String)), network Tuple(bytes Nullable(Int64)), `@timestamp` DateTime64(3, ''UTC'')"
    form = "Parquet" if path.endswith(".parquet") else "JSONEachRow"
    functions = {
        "events": f"(select {COLUMNS} from file('{path}', '{form}', '{types}'))",
        "length": lambda column: f"lengthUTF8({column})",
        "stddev": "stddevPop",
        "entropy": lambda column: f"arrayReduce('entropy', splitByString('', assumeNotNull({column})))",
        "percentile": lambda column: f"arrayReduce('quantileExactInclusive(0.99)', groupUniqArray({column}))",
        "time": lambda text: f"toDateTime64('{text.replace('T', ' ')}', 3, 'UTC')",
        "median": lambda column: f"quantileExactInclusive(0.5)({column})",
    }
    settings = " settings max_threads=2, input_format_skip_unknown_fields=1, date_time_input_format='best_effort'"
    return int(float(str(chdb.query(sql(question, functions) + settings, "CSV")).strip().strip('"'))), start


def datafusion_answer(question, path):
    import datafusion

    if question == "entropy":
        return None, clock()
    import pyarrow

    start = clock()
    context = datafusion.SessionContext(datafusion.SessionConfig().with_target_partitions(2))
    if path.endswith(".parquet"):
        context.register_parquet("source", path)
    else:
        field = lambda name, kind: (name, pyarrow.struct(kind))
        text = pyarrow.string()
        schema = pyarrow.schema([
            field("host", [("name", text)]), field("process", [("name", text), ("command_line", text)]),
            field("network", [("bytes", pyarrow.int64())]), ("@timestamp", pyarrow.timestamp("ms")),
        ])
        context.register_json("source", path, schema=schema, file_extension=".ndjson")
    columns = "source.host['name'] h, source.process['name'] p, source.process['command_line'] cl, source.network['bytes'] b, source.\"@timestamp\" t"
    functions = {
        "events": f"(select {columns} from source)",
        "length": lambda column: f"character_length({column})",
        "stddev": "stddev_pop",
        "time": lambda text: f"to_timestamp_millis('{text}')",
        "median": lambda column: f"median(cast({column} as double))",
    }
    table = context.sql(sql(question, functions)).to_arrow_table()
    return table.column(0)[0].as_py(), start


# ---- the others: Polars

def polars_answer(question, path):
    import polars as pl

    start = clock()
    if path.endswith(".parquet"):
        frame = pl.scan_parquet(path)
    else:
        schema = {
            "host": pl.Struct({"name": pl.String}),
            "process": pl.Struct({"name": pl.String, "command_line": pl.String}),
            "network": pl.Struct({"bytes": pl.Int64}),
            "@timestamp": pl.String,
        }
        frame = pl.scan_ndjson(path, schema=schema, ignore_errors=True)
    inside = lambda column, name: pl.col(column).struct.field(name)
    frame = frame.select(
        h=inside("host", "name"), p=inside("process", "name"), cl=inside("process", "command_line"),
        b=inside("network", "bytes"), t=pl.col("@timestamp"),
    )
    named, lines = frame.drop_nulls(["h", "p"]), frame.drop_nulls(["cl", "p"])
    if question == "rare":
        found = named.group_by("h", "p").len().filter(pl.col("len") < pl.col("len").max().over("h") * 0.1).select(pl.col("len").sum())
    elif question == "across":
        found = named.group_by("h", "p").len().group_by("p").agg(c=pl.len(), s=pl.col("len").sum()).filter(pl.col("c") < 3).select(pl.col("s").sum())
    elif question == "length":
        value = pl.col("cl").str.len_chars()
        found = lines.filter(value > (value.mean() + 3 * value.std(ddof=0)).over("p")).select(pl.len())
    elif question == "entropy":
        entropy = pl.col("cl").str.split("").list.eval(pl.element().unique_counts().entropy(2, normalize=True)).list.first()
        lines = lines.select("p", v=entropy)
        found = lines.filter(pl.col("v") > pl.col("v").unique().quantile(0.99, "linear").over("p")).select(pl.len())
    elif question == "first":
        limit = pl.lit(LAST_HOUR + "Z") if path.endswith(".ndjson") else pl.lit(LAST_HOUR).str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="ms", time_zone="UTC")
        found = named.group_by("h", "p").agg(pl.col("t").min()).filter(pl.col("t") > limit).select(pl.len())
    else:
        value = pl.col("b")
        deviation = (value - value.median()).abs().median()
        found = frame.drop_nulls(["h", "b"]).filter(value > (value.median() + 3 * deviation).over("h")).select(pl.len())
    return found.collect().item(), start


def clock():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return time.time(), used.ru_utime + used.ru_stime


def answer(engine, question, path):
    """Answers in this process, and prints the number found, wall time and processor time."""
    os.environ["POLARS_MAX_THREADS"] = "2"
    n_found, start = globals()[f"{engine}_answer"](question, path)
    end = clock()
    print(json.dumps([None if n_found is None else int(n_found), end[0] - start[0], end[1] - start[1]]))


def ask_other(engine, question, path):
    command = [sys.executable, __file__, "answer", engine, question, path]
    finished = subprocess.run(command, capture_output=True, text=True)
    if finished.returncode != 0:
        return None, finished.stderr.strip().splitlines()[-1:]
    n_found, wall, cpu = json.loads(finished.stdout.splitlines()[-1])
    return (n_found, wall, cpu), None


def ask(options):
    columns = ["ours", *options.engines]
    print("| question | source | found | " + " | ".join(columns) + " | best |")
    print("|" + "---|" * (len(columns) + 4))
    for source in options.source:
        path = os.path.join(options.folder, f"events.{source}")
        for question in options.only:
            times = {name: [] for name in columns}
            for _ in range(options.runs):
                times["ours"].append(ours(options.program, question, path))
                for engine in options.engines:
                    taken, error = ask_other(engine, question, path)
                    if taken is None:
                        print(f"{engine}: {question}: {error}", file=sys.stderr)
                    elif taken[0] is not None:
                        times[engine].append(taken)
            print(row(question, source, columns, times), flush=True)


def row(question, source, columns, times):
    found = times["ours"][0][0]
    cells, others = [], []
    for name in columns:
        if not times[name]:
            cells.append("-")
            continue
        wall, cpu = (statistics.median(run[idx] for run in times[name]) for idx in (1, 2))
        tolerated = found / 100 if question == "entropy" else 0
        same = all(abs(run[0] - found) <= tolerated for run in times[name])
        cells.append(f"{wall:.2f} / {cpu:.2f}" + ("" if same else f" ! {times[name][0][0]:,}"))
        if name != "ours" and same:
            others.append(wall)
    own = statistics.median(run[1] for run in times["ours"])
    best = f"{min(others) / own:.2f}" if others else "-"
    return f"| {question} | {source} | {found:,} | " + " | ".join(cells) + f" | {best} |"


def main():
    if sys.argv[1:2] == ["make"]:
        folder, *numbers = sys.argv[2:]
        make(folder, *map(int, numbers))
    elif sys.argv[1:2] == ["answer"]:
        answer(*sys.argv[2:])
    else:
        parser = argparse.ArgumentParser(usage=__doc__)
        parser.add_argument("ask", choices=["ask"])
        parser.add_argument("program")
        parser.add_argument("folder")
        parser.add_argument("--runs", type=int, default=5)
        listed = lambda text: text.split(",")
        parser.add_argument("--only", type=listed, default=QUESTIONS)
        parser.add_argument("--source", type=listed, default=("ndjson", "parquet"))
        parser.add_argument("--engines", type=listed, default=ENGINES)
        ask(parser.parse_args())


if __name__ == "__main__":
    main()
