"""IAM for the embedded LocalStack: a request that AWS would refuse is refused here.

LocalStack itself checks no policy. With this plugin every request is held against the policies of
the caller's role, of the resource and of its KMS key; `tools.aws_rules.policies` evaluates them,
and `tools.aws_rules.deliveries` says which context keys AWS sends when one service calls another.

`callers` tells who makes a request, `actions` what it asks for, `keys` which KMS keys it uses,
`policies` finds the policies, `guard` decides, and `recording` keeps what was decided. `sources`
names the alarms and rules that services act for, where LocalStack doesn't.
"""
