# Which objects: what filter and within both want. The other files write that for each service.

locals {
  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html
  event_names = [
    "s3:IntelligentTiering",
    "s3:LifecycleExpiration:*", "s3:LifecycleExpiration:Delete", "s3:LifecycleExpiration:DeleteMarkerCreated",
    "s3:LifecycleTransition",
    "s3:ObjectAcl:Put",
    "s3:ObjectCreated:*", "s3:ObjectCreated:CompleteMultipartUpload", "s3:ObjectCreated:Copy",
    "s3:ObjectCreated:Post", "s3:ObjectCreated:Put",
    "s3:ObjectRemoved:*", "s3:ObjectRemoved:Delete", "s3:ObjectRemoved:DeleteMarkerCreated",
    "s3:ObjectRestore:*", "s3:ObjectRestore:Completed", "s3:ObjectRestore:Delete", "s3:ObjectRestore:Post",
    "s3:ObjectTagging:*", "s3:ObjectTagging:Delete", "s3:ObjectTagging:Put",
    "s3:ReducedRedundancyLostObject",
    "s3:Replication:*", "s3:Replication:OperationFailedReplication", "s3:Replication:OperationMissedThreshold",
    "s3:Replication:OperationNotTracked", "s3:Replication:OperationReplicatedAfterThreshold",
  ]

  # The names that each pattern covers, itself among them.
  covered = { for pattern in distinct(concat(var.filter.events, var.within.events)) : pattern => [
    for name in local.event_names : name
    if contains(local.event_names, pattern)
    && (name == pattern || (endswith(pattern, "*") && startswith(name, trimsuffix(pattern, "*"))))
  ] }
  unknown_events = [for pattern, names in local.covered : pattern if length(names) == 0]

  passed_names = distinct(flatten([for pattern in var.within.events : local.covered[pattern]]))
  wanted_names = length(var.filter.events) == 0 ? toset(local.passed_names) : setintersection(
    local.passed_names, flatten([for pattern in var.filter.events : local.covered[pattern]])
  )
  events = [for pattern in distinct(concat(var.filter.events, var.within.events)) : pattern
    if length(setsubtract(local.covered[pattern], local.wanted_names)) == 0
  ]

  # For each wanted prefix those that are left of it: of two of which one begins with the other, the longer one.
  # An empty string begins and ends every key. Suffixes likewise.
  prefixes_left = { for wanted in coalescelist(var.filter.prefixes, [""]) : wanted => [
    for passed in coalescelist(var.within.prefixes, [""]) : startswith(wanted, passed) ? wanted : passed
    if startswith(wanted, passed) || startswith(passed, wanted)
  ] }
  suffixes_left = { for wanted in coalescelist(var.filter.suffixes, [""]) : wanted => [
    for passed in coalescelist(var.within.suffixes, [""]) : endswith(wanted, passed) ? wanted : passed
    if endswith(wanted, passed) || endswith(passed, wanted)
  ] }

  wanted = {
    prefixes  = compact(distinct(flatten([for wanted in coalescelist(var.filter.prefixes, [""]) : local.prefixes_left[wanted]])))
    suffixes  = compact(distinct(flatten([for wanted in coalescelist(var.filter.suffixes, [""]) : local.suffixes_left[wanted]])))
    events    = local.events
    min_bytes = var.filter.min_bytes
    max_bytes = var.filter.max_bytes
  }

  unreachable = concat(
    [for wanted, left in local.prefixes_left : "prefix ${wanted}" if length(left) == 0],
    [for wanted, left in local.suffixes_left : "suffix ${wanted}" if length(left) == 0],
    [for wanted in distinct(var.filter.events) : "event ${wanted}"
    if length(setintersection(local.covered[wanted], local.passed_names)) == 0],
  )
}
