# A stack of Import Watch in a Terraform project. packaged.yaml is what `sam package` writes (docs/operating.md, "Without
# a checkout").

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "bucket" {
  description = "Bucket for the template, in the region of the stack."
  type        = string
}

resource "aws_sns_topic" "operators" {
  name = "operators"
}

# The template is too long for a request. Its key changes with its content, so that an update is noticed.
resource "aws_s3_object" "template" {
  bucket = var.bucket
  key    = "import-watch/${filesha256("packaged.yaml")}.yaml"
  source = "packaged.yaml"
}

resource "aws_cloudformation_stack" "import_watch" {
  name         = "import-watch"
  template_url = "https://${var.bucket}.s3.amazonaws.com/${aws_s3_object.template.key}"
  capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
  parameters = {
    AlarmActionArn = aws_sns_topic.operators.arn
  }
}

resource "aws_sqs_queue" "imports_that_ended" {}

resource "aws_sqs_queue_policy" "imports_that_ended" {
  queue_url = aws_sqs_queue.imports_that_ended.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "sns.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.imports_that_ended.arn
      Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudformation_stack.import_watch.outputs["OutcomeTopicArn"] } }
    }]
  })
}

resource "aws_sns_topic_subscription" "imports_that_ended" {
  topic_arn            = aws_cloudformation_stack.import_watch.outputs["OutcomeTopicArn"]
  protocol             = "sqs"
  endpoint             = aws_sqs_queue.imports_that_ended.arn
  raw_message_delivery = true
}
