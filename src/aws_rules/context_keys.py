"""The condition keys that the evaluator knows, and which of them are multivalued.

The evaluator rejects all other keys: AWS never sends a misspelt key, so the statement would never
match.

- Global: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
- Each service's: https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

# SourceOwner is SNS's older word for SourceAccount, in the policy that a topic has by default:
# https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html#source-account-versus-source-owner
_GLOBAL = """
    ChatbotSourceArn CurrentTime Ec2InstanceSourceVpc Ec2InstanceSourcePrivateIPv4 EpochTime
    FederatedProvider MultiFactorAuthAge MultiFactorAuthPresent PrincipalAccount PrincipalArn
    PrincipalIsAWSService PrincipalOrgID PrincipalServiceName PrincipalType Referer
    RequestedRegion ResourceAccount ResourceOrgID SecureTransport SourceAccount SourceArn
    SourceOwner SourceIdentity SourceIp SourceOrgID SourceVpc SourceVpcArn SourceVpce TokenIssueTime
    UserAgent UserId Username ViaAWSService VpceAccount VpceOrgID VpcSourceIp
"""
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
_S3 = """
    authType DataAccessPointAccount DataAccessPointArn delimiter if-match if-none-match
    locationconstraint max-keys object-lock-legal-hold object-lock-mode
    object-lock-remaining-retention-days object-lock-retain-until-date ObjectCreationOperation
    prefix ResourceAccount signatureAge signatureversion TlsVersion versionid x-amz-acl
    x-amz-content-sha256 x-amz-copy-source x-amz-metadata-directive x-amz-object-ownership
    x-amz-server-side-encryption x-amz-server-side-encryption-aws-kms-key-id
    x-amz-server-side-encryption-customer-algorithm x-amz-storage-class
    x-amz-website-redirect-location
"""
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_awskeymanagementservice.html
_KMS = """
    BypassPolicyLockoutSafetyCheck CallerAccount CustomerMasterKeySpec CustomerMasterKeyUsage
    EncryptionAlgorithm ExpirationModel GrantConstraintType GranteePrincipal
    GrantIsForAWSResource KeyOrigin KeySpec KeyUsage MacAlgorithm MessageType MultiRegion
    MultiRegionKeyType PrimaryRegion ReEncryptOnSameKey RequestAlias RetiringPrincipal
    RotationPeriodInDays ScheduleKeyDeletionPendingWindowInDays SigningAlgorithm ValidTo
    ViaService WrappingAlgorithm WrappingKeySpec
"""
# The services' pages at
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_<service>.html
_SINGLE = {
    "aws": _GLOBAL,
    "s3": _S3,
    "kms": _KMS,
    "cloudwatch": "namespace",
    "dynamodb": "EnclosingOperation FullTableScan ReturnConsumedCapacity ReturnValues Select",
    "events": "creatorAccount detail-type eventBusInvocation ManagedBy source",
    "iam": "AssociatedResourceArn PassedToService PermissionsBoundary PolicyARN",
    "lambda": "EventSourceToken FunctionArn FunctionUrlAuthType Principal SourceFunctionArn",
    "sns": "Endpoint Protocol",
    "sts": "ExternalId RoleSessionName SourceIdentity",
}
_MULTIPLE = {
    "aws": """CalledVia PrincipalOrgPaths PrincipalServiceNamesList ResourceOrgPaths
        SourceOrgPaths TagKeys VpceOrgPaths""",
    "dynamodb": "Attributes LeadingKeys",
    "events": "TargetArn",
    "kms": "EncryptionContextKeys GrantOperations ResourceAliases",
    "lambda": "Layer SecurityGroupIds SubnetIds VpcIds",
}
# Prefixes of single-valued keys that end with a tag key, or a key of KMS's encryption context.
_FAMILIES = (
    "aws:principaltag/",
    "aws:requesttag/",
    "aws:resourcetag/",
    "iam:resourcetag/",
    "kms:encryptioncontext:",
    "s3:existingobjecttag/",
    "s3:requestobjecttag/",
)


def _names(lists: dict[str, str]) -> frozenset[str]:
    return frozenset(
        f"{service}:{name}".lower() for service, names in lists.items() for name in names.split()
    )


SINGLE, MULTIPLE = _names(_SINGLE), _names(_MULTIPLE)


def is_known(key: str) -> bool:
    """Return whether AWS has the condition key; names are case-insensitive."""
    key = key.lower()
    return key in SINGLE or key in MULTIPLE or is_of_family(key)


def is_multivalued(key: str) -> bool:
    """Return whether a request can have several values of the key.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
    """
    return key.lower() in MULTIPLE


def is_of_family(key: str) -> bool:
    """Return whether the key belongs to a family, such as ``aws:PrincipalTag/team``."""
    return any(len(key) > len(family) and key.startswith(family) for family in _FAMILIES)
