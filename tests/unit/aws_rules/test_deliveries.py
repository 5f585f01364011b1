import re
import tomllib
from pathlib import Path

import pytest

from aws_rules import deliveries
from aws_rules.deliveries import Caller, DeliveriesError, Delivery, NoDeliveryError, Status

ROOT = Path(__file__).resolve().parents[3]
ROWS = deliveries.load()
TEXT = deliveries.FILE.read_text(encoding="utf-8")

BUCKET = "arn:aws:s3:::files"
RULE = "arn:aws:events:eu-west-1:111122223333:rule/files"
TOPIC = "arn:aws:sns:eu-west-1:111122223333:files"
ROLE = "arn:aws:iam::111122223333:role/load"
FUNCTION = "arn:aws:lambda:eu-west-1:111122223333:function:load"


def test_s3_names_bucket_and_account() -> None:
    context = deliveries.between("s3.amazonaws.com", "sns:Publish").context(
        source_arn=BUCKET, source_account="111122223333"
    )
    assert context == {
        "aws:PrincipalIsAWSService": "true",
        "aws:PrincipalServiceName": "s3.amazonaws.com",
        "aws:SecureTransport": "true",
        "aws:SourceAccount": "111122223333",
        "aws:SourceArn": BUCKET,
    }


def test_eventbridge_names_nothing_to_sns_and_only_the_rule_to_others() -> None:
    known = {"source_arn": RULE, "source_account": "111122223333"}
    rule = "events.amazonaws.com"
    assert deliveries.between(rule, "sns:Publish").context(**known) == {}
    assert deliveries.between(rule, "kms:Decrypt", via="sns").context(**known) == {}
    assert deliveries.between(rule, "kms:Decrypt", via="sqs").context(**known) == {
        "aws:SourceArn": RULE
    }
    for delivery in (
        deliveries.between(rule, "lambda:InvokeFunction"),
        deliveries.between(rule, "sqs:SendMessage"),
        deliveries.between(rule, "sqs:SendMessage", dead_letter=True),
    ):
        context = delivery.context(**known)
        assert context["aws:SourceArn"] == RULE
        assert "aws:SourceAccount" not in context


def test_a_rule_is_known_to_its_role_which_publishes_as_itself() -> None:
    known = {"source_arn": RULE, "source_account": "111122223333"}
    assumed = deliveries.between("events.amazonaws.com", "sts:AssumeRole").context(**known)
    assert assumed["aws:SourceArn"] == RULE
    assert assumed["aws:SourceAccount"] == "111122223333"
    published = deliveries.between("role", "sns:Publish", caller=Caller.RULE).context(
        account="111122223333", region="eu-west-1", role_arn=ROLE
    )
    assert published["aws:PrincipalArn"] == ROLE
    assert "aws:SourceArn" not in published


def test_a_key_of_which_nothing_is_known_is_not_sent() -> None:
    delivery = deliveries.between("sns.amazonaws.com", "sqs:SendMessage")
    assert "aws:SourceAccount" in delivery.open
    context = delivery.context(source_arn=TOPIC, source_account="111122223333")
    assert "aws:SourceAccount" not in context


def test_of_lambdas_own_requests_only_those_for_logs_name_the_function() -> None:
    known = {"account": "111122223333", "region": "eu-west-1", "role_arn": ROLE}
    code = deliveries.between("role", "sqs:SendMessage").context(function_arn=FUNCTION, **known)
    poller = deliveries.between("role", "sqs:ReceiveMessage", caller=Caller.LAMBDA).context(**known)
    assert code["lambda:SourceFunctionArn"] == FUNCTION
    assert "lambda:SourceFunctionArn" not in poller
    logs = deliveries.between("role", "logs:PutLogEvents").context(function_arn=FUNCTION, **known)
    assert logs["lambda:SourceFunctionArn"] == FUNCTION
    assert code["aws:PrincipalArn"] == poller["aws:PrincipalArn"] == ROLE


def test_a_services_request_to_kms_names_the_service_and_the_account() -> None:
    context = deliveries.between(
        "role", "kms:Decrypt", via="dynamodb", caller=Caller.FUNCTION_TO_KMS
    )
    assert context.context(
        account="111122223333", region="eu-west-1", role_arn=ROLE, table="orders"
    ) == {
        "aws:PrincipalAccount": "111122223333",
        "aws:PrincipalArn": ROLE,
        "aws:ViaAWSService": "true",
        "kms:CallerAccount": "111122223333",
        "kms:EncryptionContext:aws:dynamodb:subscriberId": "111122223333",
        "kms:EncryptionContext:aws:dynamodb:tableName": "orders",
        "kms:ViaService": "dynamodb.eu-west-1.amazonaws.com",
    }


def test_a_key_may_have_several_values() -> None:
    delivery = deliveries.between("role", "dynamodb:BatchWriteItem")
    context = delivery.context(
        account="111122223333",
        function_arn=FUNCTION,
        partition_keys=["a", "b"],
        region="eu-west-1",
        role_arn=ROLE,
    )
    assert context["dynamodb:LeadingKeys"] == ("a", "b")


@pytest.mark.parametrize("partition", ["", ".cn"])
def test_the_principal_of_logs_names_the_region(partition: str) -> None:
    principal = f"logs.eu-west-1.amazonaws.com{partition}"
    assert deliveries.between(principal, "kms:Encrypt").name == "logs_to_kms"


def test_what_a_row_asks_for_must_be_known() -> None:
    delivery = deliveries.between("s3.amazonaws.com", "sns:Publish")
    with pytest.raises(DeliveriesError, match="s3_to_sns: source_account must be given"):
        delivery.context(source_arn=BUCKET)
    with pytest.raises(DeliveriesError, match="unknown facts bucket: use account, bucket_arn"):
        delivery.context(bucket=BUCKET)


def test_a_request_has_one_row() -> None:
    with pytest.raises(NoDeliveryError, match="has none"):
        deliveries.between("ses.amazonaws.com", "sns:Publish")
    with pytest.raises(NoDeliveryError, match="has function_to_sqs, poller_to_sqs"):
        deliveries.between("role", "sqs:ReceiveMessage")


@pytest.mark.parametrize(
    ("operation", "actions"),
    [
        ("sqs:SendMessage", {"sqs:SendMessage"}),
        ("sqs:SendMessageBatch", {"sqs:SendMessage"}),
        ("sqs:ChangeMessageVisibilityBatch", {"sqs:ChangeMessageVisibility"}),
        ("s3:UploadPart", {"s3:PutObject"}),
        ("s3:GetObject", {"s3:GetObject"}),
        ("lambda:Invoke", {"lambda:InvokeFunction"}),
        ("dynamodb:Scan", {"dynamodb:Scan"}),
    ],
)
def test_operations_are_checked_as_actions(operation: str, actions: set[str]) -> None:
    assert deliveries.checked_as(operation) == actions


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_every_row_says_what_it_is_about_and_from_where_it_is_known(row: Delivery) -> None:
    assert row.sources or (row.status is Status.OPEN and row.note)
    assert row.description
    assert row.resource == "*" or row.resource.startswith("arn:{partition}:")


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_key_is_sent_or_not_or_open(row: Delivery) -> None:
    assert not row.sends.keys() & row.does_not_send.keys()
    assert not row.open.keys() & (row.sends.keys() | row.does_not_send.keys())


SENT = '[deliveries.s3_to_sns.sends]\n"aws:SourceAccount" = "{source_account}"\n'


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            SENT,
            f'[deliveries.s3_to_sns.open]\n"aws:SourceArn" = "?"\n{SENT}',
            "one of sent, not sent, open",
        ),
        ("{source_account}", "{owner}", "unknown facts owner"),
        ('via = "sns"\n', "", "via needs a use of a key"),
        ('actions]\n"sns:Publish" = ["Publish"]', "actions]", "needs the action that IAM checks"),
        ("dead_letter = true\n", "", "match the same request"),
        (
            '"https://docs.aws.amazon.com/Am',
            '"docs.aws.amazon.com/Am',
            "must be the address of a web page",
        ),
        (
            '\nsource = "arn:{partition}:s3:::{bucket}"\n',
            "\n",
            "needs the source whose ARN is sent",
        ),
        ('status = "documented"\n', "", "needs status"),
        ('via = "sns"\n', 'through = "sns"\n', "unknown keys through"),
        (
            'sources = ["https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html"]',
            "sources = []",
            "lambda_to_xray: needs a source, or status open with a note",
        ),
        ('caller = "nobody"', 'caller = "service"', "needs the action that IAM checks"),
    ],
)
def test_a_table_that_is_wrong_is_refused(old: str, new: str, message: str) -> None:
    assert old in TEXT
    with pytest.raises(DeliveriesError, match=message):
        deliveries.parse(TEXT.replace(old, new))


# The services that the modules let in, in policies and in the variables that policies are made of.
PRINCIPAL = re.compile(r'\b[Ss]ervice\s*=\s*"([a-z0-9${}.]+amazonaws\.com)')


def configurations() -> list[Path]:
    folders = (ROOT, *ROOT.glob("modules/*"), *ROOT.glob("examples/*"))
    return [file for folder in folders for file in sorted(folder.glob("*.tf"))]


def principals() -> set[str]:
    found = {name for file in configurations() for name in PRINCIPAL.findall(file.read_text())}
    return {re.sub(r"\$\{[^}]*\}", "eu-west-1", name) for name in found}


def test_every_principal_of_the_modules_has_rows() -> None:
    named = principals()
    assert {"s3.amazonaws.com", "events.amazonaws.com", "logs.eu-west-1.amazonaws.com"} <= named
    missing = {
        name for name in named if not any(row.is_by(name) and row.actions for row in ROWS.values())
    }
    assert not missing


# The modules' variables that let services in: what these do, and the service that asks KMS for it.
LET_IN = {
    "invokers": ("lambda:InvokeFunction", None),
    "publishers": ("sns:Publish", "sns"),
    "senders": ("sqs:SendMessage", "sqs"),
}


def let_in() -> set[tuple[str, str]]:
    """List the services that configurations and READMEs let in, with the variable that does it."""
    texts = [file.read_text() for file in (*configurations(), *ROOT.glob("modules/*/README.md"))]
    found: set[tuple[str, str]] = set()
    for text in texts:
        for start in re.finditer(r"\b(invokers|publishers|senders)\s*=\s*\{", text):
            depth = 1
            end = start.end()
            while depth:
                depth += {"{": 1, "}": -1}.get(text[end], 0)
                end += 1
            found |= {(start[1], name) for name in PRINCIPAL.findall(text[start.end() : end])}
    return found


@pytest.mark.parametrize(("variable", "service"), sorted(let_in()))
def test_every_service_that_is_let_in_has_rows_with_and_without_a_key(
    variable: str, service: str
) -> None:
    action, via = LET_IN[variable]
    delivery = deliveries.between(service, action)
    assert delivery.caller is Caller.SERVICE
    if via is None:
        return
    for of_key in ("kms:Decrypt", "kms:GenerateDataKey"):
        use = deliveries.between(service, of_key, via=via)
        assert use.caller is Caller.SERVICE_TO_KMS
        assert use.source == delivery.source


def test_all_routes_are_among_them() -> None:
    assert let_in() >= {
        ("invokers", "events.amazonaws.com"),
        ("invokers", "s3.amazonaws.com"),
        ("publishers", "cloudwatch.amazonaws.com"),
        ("publishers", "events.amazonaws.com"),
        ("publishers", "s3.amazonaws.com"),
        ("senders", "events.amazonaws.com"),
        ("senders", "s3.amazonaws.com"),
    }


@pytest.mark.parametrize("service", ["events", "sns"])
def test_what_is_undeliverable_has_a_row(service: str) -> None:
    principal = f"{service}.amazonaws.com"
    undeliverable = deliveries.between(principal, "sqs:SendMessage", dead_letter=True)
    assert undeliverable.source == deliveries.between(principal, "sqs:SendMessage").source


def test_the_documentation_has_a_line_for_every_row_in_the_order_of_the_file() -> None:
    lines = deliveries.to_markdown().splitlines()
    assert [line.count(" | ") for line in lines] == [6] * (2 + len(ROWS))
    assert list(ROWS) == list(tomllib.loads(TEXT)["deliveries"])
    described = [row.description for row in ROWS.values()]
    assert [line.removeprefix("| ").partition(" | ")[0] for line in lines[2:]] == described


def test_the_documentation_says_what_comes_with_a_request_and_with_each_of_its_caller() -> None:
    requests = deliveries.to_markdown()
    publishing = next(line for line in requests.splitlines() if "rule publishes" in line)
    assert "| - | `aws:PrincipalIsAWSService` (open)<br>" in publishing
    assert "<br>`aws:SourceArn` |" in publishing
    sending = next(line for line in requests.splitlines() if "rule sends an event" in line)
    assert "`aws:SourceArn` = arn:{partition}:events:{region}:{account}:rule/{rule} |" in sending
    assert "aws:SecureTransport" not in sending
    callers = deliveries.callers_to_markdown().splitlines()[2:]
    assert len(callers) == len(Caller) - 1
    assert "`aws:PrincipalServiceName` = the principal<br>" in callers[0]
    assert callers[0].endswith("/reference_policies_condition-keys.html) |")
