// Runs a state machine's definition on aws-local-stepfunctions, once for each path that it is given.
//
// In, as JSON on standard input: {definition, stateMachine, paths: [{name, input, answers: {state: [answer, …]}}]};
// an answer is {"returns": …} or {"raises": "<error name>"}, and the last one is given to all further attempts.
// Out, as JSON, for each path: the states it entered, the tasks it asked, its status and its error.
import { readFileSync } from "node:fs";
import { StateMachine } from "aws-local-stepfunctions";

const { definition, stateMachine, paths } = JSON.parse(readFileSync(0, "utf8"));
const execution = stateMachine.replace(":stateMachine:", ":execution:");
const named = (type) => Object.keys(definition.States).filter((name) => definition.States[name].Type === type);

async function run(path) {
  const [states, asked] = [[], []];
  const given = {};
  const handler = (state) => async (parameters) => {
    const answers = path.answers[state] ?? [];
    const answer = answers[Math.min((given[state] = (given[state] ?? 0) + 1), answers.length) - 1];
    asked.push({ state, parameters });
    if (answer === undefined) throw new Error(`${path.name} has no answer of ${state}`);
    if ("returns" in answer) return answer.returns;
    const error = new Error("as the path has it");
    error.name = answer.raises;
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
  return { name: path.name, states, asked, status, error };
}

process.stdout.write(JSON.stringify(await Promise.all(paths.map(run))));
