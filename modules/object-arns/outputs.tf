output "arns" {
  description = "The ARNs of the objects in a policy, by name: with escaped wildcards and variables, and an asterisk after each prefix."
  value       = local.arns
}

output "role_arns" {
  description = "As arns, for the policy of an IAM role, which allows no characters above U+00FF: a wildcard replaces them."

  # The function checks the whole key. https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html
  value = { for name, arns in local.arns : name => [
    for arn in arns : replace(arn, "/[^\\t\\n\\r\\x{20}-\\x{FF}]+/", "*")
  ] }
}
