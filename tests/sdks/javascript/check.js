// Reads events as a node sent them with the CloudEvents SDK of JavaScript, and prints what the SDK understood, a line each.
// Arguments: a file of events in JSON, one a line, then a file of Kafka messages. It judges nothing: the test compares.
"use strict";
const { createRequire } = require("node:module");
const fs = require("node:fs");
// The SDK is not beside this file: it is installed where it is built.
const { CloudEvent, HTTP, Kafka } = createRequire(process.cwd() + "/")("cloudevents");

const lines = (file) => fs.readFileSync(file, "utf8").split("\n").filter((line) => line !== "");
const print = (event) => {
  event.validate();
  // Throws where the event is not one by the letter.
  const strict = new CloudEvent(JSON.parse(JSON.stringify(event)), true);
  const { id, type, source, subject, dataschema, ledgersequence, data } = strict;
  console.log(JSON.stringify({ id, type, source, subject, dataschema, ledgersequence, data }));
};

for (const line of lines(process.argv[2])) {
  print(HTTP.toEvent({ headers: { "content-type": "application/cloudevents+json" }, body: line }));
}
for (const line of lines(process.argv[3])) {
  const { key, headers, value } = JSON.parse(line);
  // As the documentation says it: an event without data is a message without a value, which this SDK takes only as an empty object.
  const event = Kafka.toEvent({ key, headers, value: value === null ? {} : Buffer.from(value) });
  print(value === null ? event.cloneWith({ data: undefined }) : event);
}
