locals {
  # IAM interprets *, ? and $ in a resource as wildcards and variables; in a key they are literal.
  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-specialchars
  arns = { for name, wanted in var.objects : name => [
    for prefix in coalescelist(wanted.prefixes, [""]) : join("", [
      "arn:${var.partition}:s3:::${wanted.bucket}/",
      replace(replace(replace(prefix, "$", "$${$}"), "*", "$${*}"), "?", "$${?}"),
      "*",
    ])
  ] }
}
