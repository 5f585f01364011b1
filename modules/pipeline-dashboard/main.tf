data "aws_caller_identity" "current" {}

# Returns region and partition with providers 5 and 6; aws_region causes a deprecation warning.
data "aws_service" "current" { service_id = "monitoring" }

locals {
  region         = data.aws_service.current.region
  partition      = data.aws_service.current.partition
  account        = data.aws_caller_identity.current.account_id
  alarm_arns     = "arn:${local.partition}:cloudwatch:${local.region}:${local.account}:alarm"
  dashboard_name = coalesce(var.dashboard_name, var.name)

  console = lookup({
    aws        = "console.aws.amazon.com"
    aws-cn     = "console.amazonaws.cn"
    aws-us-gov = "console.amazonaws-us-gov.com"
  }, local.partition, null)

  colors = { good = "#2ca02c", bad = "#d62728", warning = "#ff7f0e", neutral = "#1f77b4", other = "#7f7f7f" }

  columns        = 24
  header_height  = 5
  heading_height = 2
  graph_height   = 6

  graph = { view = "timeSeries", stacked = false, region = local.region, period = var.period_seconds, stat = "Sum" }

  header_widgets = [
    { type = "text", x = 0, y = 0, width = 18, height = local.header_height, properties = { markdown = local.header } },
    { type = "metric", x = 18, y = 0, width = 6, height = local.header_height, properties = local.storage_graph },
  ]

  pipeline_widgets = [for column, properties in local.pipeline_graphs : {
    type       = "metric"
    x          = column * local.columns / length(local.pipeline_graphs)
    y          = local.header_height
    width      = local.columns / length(local.pipeline_graphs)
    height     = local.graph_height
    properties = merge(local.graph, properties)
  }]

  first_row = local.header_height + (length(local.pipeline_graphs) == 0 ? 0 : local.graph_height)
  rows = { for row, name in keys(var.consumers) :
    name => local.first_row + row * (local.heading_height + local.graph_height)
  }

  consumer_widgets = flatten([for name, consumer in var.consumers : concat(
    [{
      type       = "text"
      x          = 0
      y          = local.rows[name]
      width      = length(consumer.alarm_names) == 0 ? local.columns : local.columns / 2
      height     = local.heading_height
      properties = { markdown = local.headings[name] }
    }],
    length(consumer.alarm_names) == 0 ? [] : [{
      type   = "alarm"
      x      = local.columns / 2
      y      = local.rows[name]
      width  = local.columns / 2
      height = local.heading_height
      properties = {
        title  = "Alarms of ${name}: green is good"
        alarms = [for alarm in sort(consumer.alarm_names) : "${local.alarm_arns}:${alarm}"]
      }
    }],
    [for column, properties in local.consumer_graphs[name] : {
      type       = "metric"
      x          = column * local.columns / length(local.consumer_graphs[name])
      y          = local.rows[name] + local.heading_height
      width      = local.columns / length(local.consumer_graphs[name])
      height     = local.graph_height
      properties = merge(local.graph, properties)
    }],
  )])

  widgets = concat(local.header_widgets, local.pipeline_widgets, local.consumer_widgets)

  # Without inherit CloudWatch replaces the periods by its own, and sums change with the range shown.
  body = jsonencode({ start = "-P1D", periodOverride = "inherit", widgets = local.widgets })
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = local.dashboard_name
  dashboard_body = local.body

  lifecycle {
    precondition {
      condition     = can(regex("^[A-Za-z0-9_-]{1,255}$", local.dashboard_name))
      error_message = "The name of a dashboard has 1 to 255 letters, digits, hyphens and underscores, and ${local.dashboard_name} has others. Set dashboard_name."
    }

    # It is reached long before 2,500 metrics on a dashboard, or 500 in a graph.
    precondition {
      condition     = length(local.widgets) <= 500
      error_message = "A dashboard has at most 500 widgets, and these ${length(var.consumers)} consumers make ${length(local.widgets)}. Use several dashboards, each with a different dashboard_name."
    }
  }
}
