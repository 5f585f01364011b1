"""IAM for the embedded LocalStack: denies requests that AWS would deny.

LocalStack itself evaluates no policies. This plugin checks every request against the policies of
the caller's role, of the resource and of its KMS key. `aws_rules.policies` evaluates them,
and `aws_rules.deliveries` has the context keys that AWS sends when one service calls another.

`callers` identifies the sender of a request, `actions` its actions and resources, `keys` the KMS
keys it uses. `policies` finds the policies, `guard` decides, and `recording` stores the decisions.
`sources` adds the alarms and rules on whose behalf services act, where LocalStack omits them.
"""
