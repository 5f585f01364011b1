"""The resources on whose behalf services act, where LocalStack doesn't provide them.

CloudWatch publishes for an alarm:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html.
EventBridge assumes a target's role for a rule:
https://docs.aws.amazon.com/eventbridge/latest/userguide/cross-service-confused-deputy-prevention.html
"""

import functools
import importlib
import threading
from typing import Any

from localstack.runtime import hooks

_SESSION = "events"


@hooks.on_infra_start()
def name_sources() -> None:
    """Add alarms and rules; LocalStack fails to start if this is no longer possible."""
    # Imported here: LocalStack silently skips a plugin whose module can't be imported.
    _name_alarms(importlib.import_module("localstack.services.cloudwatch.provider_v2"))
    _name_rules(importlib.import_module("localstack.services.events.target"))


def _name_alarms(provider: Any) -> None:
    acting = threading.local()
    connect_to, original = provider.connect_to, provider.CloudwatchProvider.set_alarm_state

    @functools.wraps(original)
    def set_alarm_state(
        self: Any, context: Any, alarm_name: str, *arguments: Any, **named: Any
    ) -> Any:
        place = f"{context.region}:{context.account_id}"
        acting.arn = f"arn:{context.partition}:cloudwatch:{place}:alarm:{alarm_name}"
        return original(self, context, alarm_name, *arguments, **named)

    provider.CloudwatchProvider.set_alarm_state = set_alarm_state
    provider.connect_to = lambda **named: _OfAlarm(connect_to(**named), acting.arn)


class _OfAlarm:
    """LocalStack's clients; the SNS client names the alarm for which it publishes."""

    def __init__(self, clients: Any, alarm_arn: str) -> None:
        self._clients = clients
        self._alarm_arn = alarm_arn

    @property
    def sns(self) -> Any:
        return self._clients.sns.request_metadata(
            source_arn=self._alarm_arn, service_principal="cloudwatch"
        )

    def __getattr__(self, service: str) -> Any:
        return getattr(self._clients, service)


def _name_rules(target: Any) -> None:
    acting = threading.local()
    original = target.TargetSender._initialize_client

    @functools.wraps(original)
    def initialize_client(self: Any) -> Any:
        acting.arn = self.rule_arn
        return original(self)

    target.TargetSender._initialize_client = initialize_client
    target.connect_to = _OfRule(target.connect_to, acting)


class _OfRule:
    """LocalStack's client factories, which name the rule for which a role is assumed."""

    def __init__(self, connect_to: Any, acting: threading.local) -> None:
        self._connect_to = connect_to
        self._acting = acting

    def __call__(self, **named: Any) -> Any:
        return self._connect_to(**named)

    def with_assumed_role(self, *, role_arn: str, service_principal: str, region_name: str) -> Any:
        sts = self._connect_to(region_name=region_name).sts.request_metadata(
            service_principal=service_principal, source_arn=self._acting.arn
        )
        assumed = sts.assume_role(RoleArn=role_arn, RoleSessionName=_SESSION)["Credentials"]
        return self._connect_to(
            region_name=region_name,
            aws_access_key_id=assumed["AccessKeyId"],
            aws_secret_access_key=assumed["SecretAccessKey"],
            aws_session_token=assumed["SessionToken"],
        )
