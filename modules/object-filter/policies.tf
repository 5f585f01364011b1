# Keys in the resources of policies.

locals {
  # IAM reads *, ? and $ in a resource as wildcards and variables; in a key they are characters.
  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-specialchars
  policy_keys = { for prefix in coalescelist(local.wanted.prefixes, [""]) :
    prefix => "${replace(replace(replace(prefix, "$", "$${$}"), "*", "$${*}"), "?", "$${?}")}*"
  }

  # A role's policy takes no character above U+00FF, so a wildcard stands for those: the function checks the whole key.
  # https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html
  role_policy_keys = { for prefix, key in local.policy_keys :
    prefix => replace(key, "/[^\\t\\n\\r\\x{20}-\\x{FF}]+/", "*")
  }
}
