"""Requests to Amazon DynamoDB: botocore's credentials, endpoint, signature and connections.

A client's own methods spend most of their time on turning values into JSON and back. Here bodies
are JSON already, so only the parts below them are used. All are imported and made when first
needed: importing botocore costs more than all else at init.
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
    """Send one BatchWriteItem and wait for the answer.

    Region, credentials, endpoint, proxy and certificates come from what the AWS SDKs read
    (https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html).

    Raises
    ------
    UnansweredError
        There was no answer.
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

    # Under Lambda's JSON log format it would tell where its credentials are from.
    logging.getLogger("botocore").setLevel(logging.WARNING)
    session = get_session()
    try:
        meta = session.create_client("dynamodb").meta
        credentials = session.get_credentials()
    except BotoCoreError as error:
        raise RetryableError(f"requests to DynamoDB can't be made: {error}") from None
    if credentials is None:
        raise RetryableError("requests to DynamoDB can't be made: there are no credentials")
    connections = URLLib3Session(
        verify=session.get_config_variable("ca_bundle") or True,
        proxies=get_environ_proxies(meta.endpoint_url),
        timeout=_TIMEOUTS,  # type: ignore[arg-type]  # the stubs know one for both only
        max_pool_connections=IN_FLIGHT,
        # Head and body are sent apart, and the body must not wait until the head is acknowledged.
        socket_options=[_NO_DELAY],  # type: ignore[list-item]  # the stubs are wrong
    )

    def signed(body: bytes) -> AWSRequest:
        try:
            # Fetched anew when they are about to expire.
            frozen = credentials.get_frozen_credentials()
        except BotoCoreError as error:
            raise RetryableError(f"requests to DynamoDB can't be signed: {error}") from None
        request = AWSRequest("POST", meta.endpoint_url, headers=dict(_HEADERS), data=body)
        SigV4Auth(frozen, "dynamodb", meta.region_name).add_auth(request)
        return request

    def send_signed(body: bytes) -> Answer:
        request = signed(body).prepare()
        try:
            response = connections.send(request)
        except BotoCoreError as error:
            raise UnansweredError(f"DynamoDB did not answer: {error}") from None
        return Answer(response.status_code, response.content)

    return send_signed
