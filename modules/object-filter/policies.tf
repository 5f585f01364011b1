# Keys in the resources of policies.

locals {
  # IAM interprets *, ? and $ in a resource as wildcards and variables; in a key they are literal.
  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-specialchars
  policy_keys = { for prefix in local.prefixes :
    prefix => "${replace(replace(replace(prefix, "$", "$${$}"), "*", "$${*}"), "?", "$${?}")}*"
  }
}
