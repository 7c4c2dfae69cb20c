// A stack of Import Watch in a CDK project. packaged.yaml is what `sam package` writes (docs/operating.md, "Without a
// checkout"); its name can be given as the context value `template`.
import { App, Stack } from "aws-cdk-lib";
import { CfnInclude } from "aws-cdk-lib/cloudformation-include";
import { Topic } from "aws-cdk-lib/aws-sns";
import { Queue } from "aws-cdk-lib/aws-sqs";
import { SqsSubscription } from "aws-cdk-lib/aws-sns-subscriptions";

const app = new App();
const stack = new Stack(app, "ImportWatch", { stackName: "import-watch" });

const alarms = new Topic(stack, "Operators");
const importWatch = new CfnInclude(stack, "Template", {
  templateFile: app.node.tryGetContext("template") ?? "packaged.yaml",
  // A parameter that is set here cannot be set in the deployment any more.
  parameters: { AlarmActionArn: alarms.topicArn },
});

// Its resources have the names of template.yaml.
const outcomes = Topic.fromTopicArn(stack, "Outcomes", importWatch.getResource("OutcomeTopic").ref);
outcomes.addSubscription(new SqsSubscription(new Queue(stack, "ImportsThatEnded"), { rawMessageDelivery: true }));
