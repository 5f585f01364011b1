"""Changes of a pipeline that is in use, as docs/changes.md has them: no file is lost, no bucket.

One stack goes from a bucket of its own to an existing one, renames its consumer, and hands the
bucket over to a pipeline of another name. It is mostly waiting, so it runs beside the tests.
"""

import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from event_pipelines.terraform import Terraform, TerraformError, executable
from tests.integration.configurations import CHANGED
from tests.integration.pipeline import AppliedPipeline, Clients
from tests.integration.stacks import Stacks
from tests.integration.waiting import eventually

BUCKET = CHANGED["bucket"]["name"]
EXISTING: Mapping[str, Any] = {"existing": BUCKET}
CONSUMER: Mapping[str, Any] = CHANGED["consumers"]["before"]


def change(stacks: Stacks, clients: Clients, folder: Path) -> None:
    """Change the stack `changed` step by step; asserts that no file and no bucket is lost."""
    stack = stacks["changed"]
    pipeline = AppliedPipeline(stack.outputs(), clients)
    protected = protection(clients)
    pipeline.upload("waits-for-before", b"{}")
    queue = pipeline.consumer("before")["queue"]["url"]
    eventually(lambda: pipeline.visible_messages(queue), waiting_for="the file to wait")

    # The bucket becomes an existing one, and the consumer has its new name beside the old one.
    both = {"before": {**CONSUMER, "enabled": True}, "after": CONSUMER}
    stack = replace(stack, variables={**CHANGED, "bucket": EXISTING, "consumers": both})
    with pytest.raises(TerraformError, match=f"has created the bucket {BUCKET}"):
        stack.changes()
    forget(stack, "module.bucket[0]", "terraform_data.bucket")
    assert "delete" not in stack.changes().values()
    stack.apply()
    pipeline = AppliedPipeline(stack.outputs(), clients)
    pipeline.outcome("before", "waits-for-before", "done")
    assert protection(clients) == protected

    # The old name ends when its queue is empty: every file since is in the new one's queue too.
    pipeline.upload("waits-for-after", b"{}")
    pipeline.outcome("before", "waits-for-after", "done")
    eventually(
        lambda: pipeline.queue_depth(queue),
        until=lambda depth: depth == 0,
        waiting_for="the old consumer's queue to be empty",
    )

    # The pipeline lets go of the bucket's notifications, which stay as they are.
    let_go = {**EXISTING, "notifications": False}
    renamed = replace(
        stack,
        work=folder / "renamed",
        variables={**stack.variables, "name": "renamed", "consumers": {"audit": CONSUMER}},
    )
    renamed.init()
    stacks.made.append(renamed)
    with pytest.raises(TerraformError, match=f"changed configures the notifications of {BUCKET}"):
        renamed.changes()
    forget(stack, "module.notifications[0].aws_s3_bucket_notification.this")
    stack = replace(
        stack, variables={**stack.variables, "bucket": let_go, "consumers": {"after": CONSUMER}}
    )
    done = stack.apply()
    assert "module.notifications[0].aws_ssm_parameter.owner[0]" in done
    pipeline.upload("before-the-handover", b"{}")

    # The pipeline of another name takes them over, and the old one ends when its queue is empty.
    renamed = replace(
        renamed,
        variables={
            **renamed.variables,
            "consumers": {"audit": {**CONSUMER, "enabled": True}},
        },
    )
    renamed.apply()
    successor = AppliedPipeline(renamed.outputs(), clients)
    successor.upload("after-the-handover", b"{}")
    successor.outcome("audit", "after-the-handover", "done")
    stack = replace(
        stack,
        variables={**stack.variables, "consumers": {"after": {**CONSUMER, "enabled": True}}},
    )
    stack.apply()
    for key in ("waits-for-after", "before-the-handover"):
        pipeline.outcome("after", key, "done")
    stack.destroy()
    assert stack.resources() == []
    successor.upload("after-the-end", b"{}")
    successor.outcome("audit", "after-the-end", "done")
    assert protection(clients) == protected


def protection(clients: Clients) -> list[Any]:
    """Read what protects the bucket: its policy, its encryption, its versions, no public access."""
    s3 = clients.s3
    return [
        s3.get_bucket_policy(Bucket=BUCKET)["Policy"],
        s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"],
        s3.get_bucket_versioning(Bucket=BUCKET)["Status"],
        s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"],
    ]


def forget(stack: Terraform, *addresses: str) -> None:
    """Run ``terraform state rm``, as the page says."""
    state = f"-state={stack.work / 'terraform.tfstate'}"
    subprocess.run(
        [str(executable()), f"-chdir={stack.configuration}", "state", "rm", state, *addresses],
        check=True,
        env={**stack.environment, "TF_DATA_DIR": str(stack.work / "data")},
        stdout=subprocess.DEVNULL,
    )
