"""Requests to Amazon DynamoDB: botocore's credentials, endpoint, signature and connections.

A client's methods spend most of their time on converting values to JSON and back. Here bodies are
already JSON, so only the layers below are used. They are imported and created when first needed,
because importing botocore takes longer than the rest of init.
"""

from __future__ import annotations

import logging
import socket
import threading
from typing import TYPE_CHECKING

from load_records.table import IN_FLIGHT, Answer, UnansweredError
from object_consumer import RetryableError

if TYPE_CHECKING:
    from load_records.table import Send

_HEADERS = {
    "Content-Type": "application/x-amz-json-1.0",
    "X-Amz-Target": "DynamoDB_20120810.BatchWriteItem",
}
_NO_DELAY = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
_TIMEOUTS = (2, 10)  # seconds to connect, and between two reads

_lock = threading.Lock()
_made: list[Send] = []


def send(body: bytes) -> Answer:
    """Send one BatchWriteItem and wait for the response.

    Region, credentials, endpoint, proxy and certificates come from the settings of the AWS SDKs
    (https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html).

    Raises
    ------
    UnansweredError
        There was no response.
    RetryableError
        There are no credentials or no region.
    """
    with _lock:
        if not _made:
            _made.append(_make())
    return _made[0](body)


def _make() -> Send:
    from botocore.auth import SigV4Auth  # noqa: PLC0415 - see above, as for all of these
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415
    from botocore.httpsession import URLLib3Session  # noqa: PLC0415
    from botocore.session import get_session  # noqa: PLC0415
    from botocore.utils import get_environ_proxies  # noqa: PLC0415

    # With Lambda's JSON log format, botocore would log the source of its credentials.
    logging.getLogger("botocore").setLevel(logging.WARNING)
    session = get_session()
    try:
        meta = session.create_client("dynamodb").meta
        credentials = session.get_credentials()
    except BotoCoreError as error:
        raise RetryableError(f"can't send requests to DynamoDB: {error}") from None
    if credentials is None:
        raise RetryableError("can't send requests to DynamoDB: there are no credentials")
    connections = URLLib3Session(
        verify=session.get_config_variable("ca_bundle") or True,
        proxies=get_environ_proxies(meta.endpoint_url),
        timeout=_TIMEOUTS,  # type: ignore[arg-type]  # the stubs allow only one for both
        max_pool_connections=IN_FLIGHT,
        # Head and body are sent separately; the body must not wait for the head's acknowledgement.
        socket_options=[_NO_DELAY],  # type: ignore[list-item]  # the stubs are wrong
    )

    def signed(body: bytes) -> AWSRequest:
        try:
            # Refreshed when they are about to expire.
            frozen = credentials.get_frozen_credentials()
        except BotoCoreError as error:
            raise RetryableError(f"can't sign requests to DynamoDB: {error}") from None
        request = AWSRequest("POST", meta.endpoint_url, headers=dict(_HEADERS), data=body)
        SigV4Auth(frozen, "dynamodb", meta.region_name).add_auth(request)
        return request

    def send_signed(body: bytes) -> Answer:
        request = signed(body).prepare()
        try:
            response = connections.send(request)
        except BotoCoreError as error:
            raise UnansweredError(f"no response from DynamoDB: {error}") from None
        return Answer(response.status_code, response.content)

    return send_signed
