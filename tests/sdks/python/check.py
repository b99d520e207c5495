"""Reads events as a node sent them with the CloudEvents SDK of Python, and prints what the SDK understood, a line each.

Arguments: a file of events in JSON, one a line, then a file of Kafka messages. It judges nothing: the test compares.
"""

import json
import sys

from cloudevents.core.bindings import http, kafka
from cloudevents.core.formats.json import JSONFormat
from cloudevents.v1.http import from_json

ATTRIBUTES = ["id", "type", "source", "subject", "dataschema", "ledgersequence"]


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [line for line in file.read().split("\n") if line]


def show(event):
    attributes = event.get_attributes()
    shown = {name: attributes[name] for name in ATTRIBUTES if attributes.get(name) is not None}
    if event.get_data() is not None:
        shown["data"] = event.get_data()
    print(json.dumps(shown, ensure_ascii=False))


for line in lines(sys.argv[1]):
    from_json(line)  # the older interface of the same package
    headers = {"content-type": "application/cloudevents+json"}
    show(http.from_http_event(http.HTTPMessage(headers=headers, body=line.encode())))
for line in lines(sys.argv[2]):
    message = json.loads(line)
    headers = {name: value.encode() for name, value in message["headers"].items()}
    value = message["value"]
    told = kafka.KafkaMessage(headers=headers, key=message["key"], value=None if value is None else value.encode())
    show(kafka.from_kafka_event(told))
