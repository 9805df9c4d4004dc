"""Does the work of the cluster bench with Python's client.

cluster.py scan URL INDEX documents|fields
cluster.py bulk URL INDEX QUERY

Needs the package elasticsearch 7, before 7.14: later versions reject other servers. Prints one line
of JSON.
"""

import json
import resource
import sys
import time

from elasticsearch import Elasticsearch, helpers

FIELDS = ["host.name", "process.name"]


def scan(client, index, what):
    """Reads all documents: whole, as the predecessor reads them, or only the fields of the bench."""
    body = {"query": {"match_all": {}}, "_source": FIELDS if what == "fields" else True}
    return sum(1 for _ in helpers.scan(client, query=body, index=index, size=10000, scroll="5m"))


def bulk(client, index, ids):
    """Updates documents with outliers in the form that the program stores."""
    outliers = {
        "type": ["bench"], "reason": ["bench"], "summary": [f"{time.time()} cmd.exe on host"],
        "model_name": ["bench"], "model_type": ["simplequery"], "elasticsearch_filter": ["process.name:cmd.exe"],
        "total_outliers": 1,
    }
    doc = {"tags": ["endpoint", "process", "outlier"], "outliers": outliers}
    actions = ({"_op_type": "update", "_index": index, "_id": id, "doc": doc} for id in ids)
    done, _ = helpers.bulk(client, actions, stats_only=True, refresh=False)
    return done


def main():
    action, url, index, what = sys.argv[1:]
    client = Elasticsearch([url], timeout=300)
    ids = []
    if action == "bulk":
        body = {"query": {"query_string": {"query": what}}, "_source": False}
        ids = [hit["_id"] for hit in helpers.scan(client, query=body, index=index, size=10000)]
    usage = resource.getrusage(resource.RUSAGE_SELF)
    started, cpu = time.perf_counter(), usage.ru_utime + usage.ru_stime
    documents = scan(client, index, what) if action == "scan" else bulk(client, index, ids)
    seconds = time.perf_counter() - started
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({
        "documents": documents,
        "seconds": round(seconds, 3),
        "documents_per_second": round(documents / seconds, 1),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime - cpu, 3),
    }))


main()
