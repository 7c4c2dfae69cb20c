// Runs a state machine's definition on aws-local-stepfunctions, once for each path.
//
// In, as JSON on standard input: {definition, stateMachine, paths: [{name, input, responses: {state: [response, …]}}]};
// a response is {"returns": …} or {"raises": "<error name>"}, and the last one repeats.
// Out, as JSON, for each path: the states it entered, its requests to tasks, its status and its error.
import { readFileSync } from "node:fs";
import { StateMachine } from "aws-local-stepfunctions";

const { definition, stateMachine, paths } = JSON.parse(readFileSync(0, "utf8"));
const execution = stateMachine.replace(":stateMachine:", ":execution:");
const named = (type) => Object.keys(definition.States).filter((name) => definition.States[name].Type === type);

async function run(path) {
  const [states, requests] = [[], []];
  const given = {};
  const handler = (state) => async (parameters) => {
    const responses = path.responses[state] ?? [];
    const response = responses[Math.min((given[state] = (given[state] ?? 0) + 1), responses.length) - 1];
    requests.push({ state, parameters });
    if (response === undefined) throw new Error(`${path.name} has no response of ${state}`);
    if ("returns" in response) return response.returns;
    const error = new Error("as the path has it");
    error.name = response.raises;
    throw error;
  };
  const running = new StateMachine(definition).run(path.input, {
    overrides: {
      taskResourceLocalHandlers: Object.fromEntries(named("Task").map((name) => [name, handler(name)])),
      waitTimeOverrides: Object.fromEntries(named("Wait").map((name) => [name, 0])),
      retryIntervalOverrides: Object.fromEntries(named("Task").map((name) => [name, 0])),
    },
    context: { Execution: { Id: `${execution}:${path.name}` }, StateMachine: { Id: stateMachine } },
  });
  let status = "SUCCEEDED";
  let error = null;
  const ended = running.result.catch(() => (status = "FAILED"));
  for await (const event of running.eventLogs) {
    if (event.type === "StateEntered") states.push(event.state.name);
    if (event.type === "ExecutionFailed") error = event.Error;
  }
  await ended;
  return { name: path.name, states, requests, status, error };
}

process.stdout.write(JSON.stringify(await Promise.all(paths.map(run))));
