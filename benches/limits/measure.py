"""Time and memory of inputs ten times beyond each limit of docs/limits.md, as rows of its table.

Usage: measure.py PROGRAM [FOLDER]

FOLDER needs 2 GB of free space. Exits with 1 if a run ends otherwise than documented.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

USE_CASE = """[simplequery_all]
es_query_filter={query}
outlier_type=t
outlier_reason=r
outlier_summary={{u}}
run_model=1
"""

TERMS = """[terms_t]
es_query_filter=*
aggregator=a
target=u
target_count_method=within_aggregator
trigger_on=low
trigger_method=float
trigger_sensitivity=10
outlier_type=t
outlier_reason=r
outlier_summary={term}
run_model=1
"""

DONE, PARTIAL, UNREADABLE, CONFIGURATION = 0, 3, 74, 78
MIB = 1 << 20

# a line within all limits
OTHER = json.dumps({"u": "x"})


def use_case(query="*", more=""):
    return USE_CASE.format(query=query) + more


def write(name, lines):
    with open(name, "w") as file:
        for line in lines:
            file.write(line + "\n")


def event(**fields):
    return json.dumps(fields)


def long_line():
    with open("events.ndjson", "w") as file:
        file.truncate(640 * MIB)
        file.seek(0, os.SEEK_END)
        file.write("\n" + event(u="x") + "\n")


def derived(pattern, text):
    write("use_case.conf", [use_case(more="use_derived_fields=1\n[derivedfields]\nm=" + pattern)])
    write("events.ndjson", [event(u="x", m=text)])


def events(*lines):
    write("events.ndjson", lines)


def query(text):
    write("use_case.conf", [use_case(text)])


def search(text, value, mapping=None):
    query(text)
    events(event(m=value))
    if mapping:
        write("mapping.json", [json.dumps({"i": {"mappings": {"properties": {"m": {"type": mapping}}}}})])


def list_in_outlier():
    write("use_case.conf", [use_case().replace("=r", "={u}")])
    events(event(u=["x"] * 10000))


def columns():
    os.remove("events.ndjson")
    write("events.csv", [",".join(f"c{n}" for n in range(1000000)), "1"])


def whitelist(regexp):
    entries = (f"w{n}=" + regexp.format(n) for n in range(100000))
    write("main.conf", ["[whitelist_regexps]", *entries])
    events(*(event(u=f"C:\\tool{n}.exe", v="abc-xyz" + "." * 1000) for n in range(1000)))


def terms(lines):
    write("use_case.conf", [TERMS])
    write("events.ndjson", lines)


# what is beyond its limit, how to make it, and how the run ends
CASES = [
    ("a line", long_line, PARTIAL),
    ("a value (of 60 MiB)", lambda: events(event(u="x" * 60 * MIB), OTHER), PARTIAL),
    ("values of an event", lambda: events('{"u":[' + ",".join(["1"] * 10 * MIB) + "]}", OTHER), PARTIAL),
    ("nesting", lambda: events('{"u":' + "[" * 1270 + "]" * 1270 + "}", OTHER), PARTIAL),
    ("columns of a table", columns, UNREADABLE),
    ("combinations of the values of a key", lambda: terms([event(a=list(range(40960)), u="x")]), PARTIAL),
    ("combinations of all keys", lambda: terms([event(a=list(range(810)), u=list(range(810)))]), PARTIAL),
    ("a text in an outlier", lambda: events(event(u="x" * 327680)), DONE),
    ("a list in an outlier", list_in_outlier, DONE),
    ("findings that are counted", lambda: events(*(event(u=n) for n in range(500000))), DONE),
    ("documents read at once", lambda: events(*(event(u=n, pad="x" * MIB) for n in range(80))), DONE),
    ("parts of a field", lambda: query(".".join(["a"] * 320) + ":x"), CONFIGURATION),
    ("a regular expression of a query", lambda: query("m:/" + "a" * 10000 + "/"), CONFIGURATION),
    ("its size when it is compiled", lambda: query("m:/((a{1,100}){1,100}){1,100}/"), CONFIGURATION),
    ("nesting of a query", lambda: query("(" * 1280 + "a:x" + ")" * 1280), CONFIGURATION),
    ("weight of a pattern", lambda: derived("((a{1,100}){1,100}){1,100}%{WORD:w}", "a"), CONFIGURATION),
    ("steps of a pattern", lambda: derived("((a{1,30}){1,30}){1,10}b(?P<w>x)", "a" * 112000), PARTIAL),
    ("backtracking steps of a pattern", lambda: derived("(?<!x)(a|aa)+b%{WORD:w}", "a" * 10000), PARTIAL),
    ("a configuration file", lambda: os.truncate("use_case.conf", 640 * MIB), CONFIGURATION),
    ("no limit: 100,000 whitelist regexps with words of their own", lambda: whitelist(".*tool{}\\.exe"), DONE),
    ("no limit: 100,000 whitelist regexps with look-ahead", lambda: whitelist("(?!.*x{0})tool{0}"), DONE),
    ("no limit: 100,000 whitelist regexps without words", lambda: whitelist("[a-f]{{3}}-[g-z]+{}$"), DONE),
    ("no limit: words of a sloppy phrase", lambda: search('m:"b a a a b"~9', "a b " * 500000, "text"), DONE),
    ("no limit: a wildcard", lambda: search("m:" + "*a" * 50 + "*b", "a" * MIB), DONE),
    ("no limit: a fuzzy term", lambda: search("m:" + "a" * 1000 + "~2", "a" * 1001), DONE),
]


def made(make):
    """Makes the input in a process of its own: the memory of a parent counts as that of its child."""
    child = os.fork()
    if child == 0:
        query("*")
        events(event(u="x"))
        make()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, "the input cannot be made"


def run(program, make):
    """Makes the input in the current folder; returns seconds, bytes and exit code of its run."""
    made(make)
    args = [program, "run", "--use-cases", "use_case.conf", "--events", "events.*", "-q"]
    if os.path.exists("main.conf"):
        args += ["--config", "main.conf"]
    if os.path.exists("mapping.json"):
        args += ["--mapping", "mapping.json"]
    started = time.monotonic()
    child = subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    return time.monotonic() - started, usage.ru_maxrss * 1024, os.waitstatus_to_exitcode(status)


def main():
    program = os.path.abspath(sys.argv[1])
    scratch = sys.argv[2] if len(sys.argv) > 2 else None
    failed = False
    print("| ten times beyond | time | peak memory | exit code |\n|---|---|---|---|")
    for name, make, expected in CASES:
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            os.chdir(folder)
            seconds, memory, code = run(program, make)
            os.chdir("/")
        wrong = "" if code == expected else f" (not {expected})"
        failed = failed or code != expected
        print(f"| {name} | {seconds:.1f} s | {memory // MIB} MiB | {code}{wrong} |", flush=True)
    sys.exit(1 if failed else 0)


main()
