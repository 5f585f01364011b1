# The wanted objects: those that match both filter and within. The other files convert the filter for each service.

locals {
  # The event names that each pattern matches, including itself.
  covered = { for pattern in distinct(concat(var.filter.events, var.within.events)) : pattern => [
    for name in local.event_names : name
    if contains(local.event_names, pattern)
    && (name == pattern || (endswith(pattern, "*") && startswith(name, trimsuffix(pattern, "*"))))
  ] }
  unknown_events = [for pattern, names in local.covered : pattern if length(names) == 0]

  wanted_names = setintersection(
    flatten([for pattern in var.within.events : local.covered[pattern]]),
    flatten([for pattern in coalescelist(var.filter.events, var.within.events) : local.covered[pattern]]),
  )

  # Of a wanted prefix and one that has passed, of which one begins with the other, the longer one is left.
  # An empty string begins and ends every key. Suffixes likewise.
  prefixes = distinct([
    for pair in setproduct(coalescelist(var.filter.prefixes, [""]), coalescelist(var.within.prefixes, [""])) :
    startswith(pair[0], pair[1]) ? pair[0] : pair[1] if startswith(pair[0], pair[1]) || startswith(pair[1], pair[0])
  ])
  suffixes = distinct([
    for pair in setproduct(coalescelist(var.filter.suffixes, [""]), coalescelist(var.within.suffixes, [""])) :
    endswith(pair[0], pair[1]) ? pair[0] : pair[1] if endswith(pair[0], pair[1]) || endswith(pair[1], pair[0])
  ])

  wanted = {
    prefixes = compact(local.prefixes)
    suffixes = compact(local.suffixes)
    events = [for pattern in distinct(concat(var.filter.events, var.within.events)) : pattern
      if length(setsubtract(local.covered[pattern], local.wanted_names)) == 0
    ]
    min_bytes = var.filter.min_bytes
    max_bytes = var.filter.max_bytes
  }

  unreachable = concat(
    [for wanted in toset(var.filter.prefixes) : "prefix ${wanted}"
    if !anytrue([for left in local.prefixes : startswith(left, wanted)])],
    [for wanted in toset(var.filter.suffixes) : "suffix ${wanted}"
    if !anytrue([for left in local.suffixes : endswith(left, wanted)])],
    [for wanted in distinct(var.filter.events) : "event ${wanted}"
    if length(setintersection(local.covered[wanted], local.wanted_names)) == 0],
  )
}
