// Judges the contracts as users of JavaScript do, with Ajv, the SDK of CloudEvents and the parser of AsyncAPI.
//
// Reads from standard input: schemas by name, documents ([name of the schema, document]), texts of CloudEvents, and the
// path of an AsyncAPI document. Writes what Ajv refuses about the schemas, whether each document is valid, the data and
// the error of each CloudEvent, and what the parser reports.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";
import Ajv2020 from "ajv/dist/2020.js";
import { HTTP } from "cloudevents";

const given = JSON.parse(readFileSync(0, "utf8"));
const refused = {};
const validators = {};
for (const [name, schema] of Object.entries(given.schemas ?? {})) {
  try {
    validators[name] = new Ajv2020.default({ strict: true }).compile(schema);
  } catch (error) {
    refused[name] = error.message;
  }
}
const valid = (given.documents ?? []).map(([name, document]) => validators[name]?.(document) ?? null);
const events = (given.events ?? []).map((body) => {
  try {
    const event = HTTP.toEvent({ headers: { "content-type": "application/cloudevents+json" }, body });
    return { event: event.toJSON(), error: null };
  } catch (error) {
    return { event: null, error: `${error.message} ${JSON.stringify(error.errors ?? "")}` };
  }
});
let diagnostics = null;
if (given.asyncapi) {
  const found = await new Parser().parse(readFileSync(given.asyncapi, "utf8"), { source: given.asyncapi });
  const operations = found.document?.allOperations() ?? [];
  diagnostics = {
    reported: found.diagnostics.map((one) => `${one.severity} ${one.code} ${one.path.join("/")}: ${one.message}`),
    operations: [...operations].map((one) => [one.id(), one.action(), [...one.messages()].map((each) => each.id())]),
  };
}
process.stdout.write(JSON.stringify({ refused, valid, events, diagnostics }));
