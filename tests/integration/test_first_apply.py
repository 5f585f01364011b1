"""What the provider says before Terraform reads the module, as docs/first-apply.md quotes it."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from event_pipelines.terraform import Terraform, TerraformError

pytestmark = pytest.mark.integration

PAGE = Path(__file__).resolve().parents[2] / "docs" / "first-apply.md"
CONFIGURATION = """
terraform {
  required_providers { aws = { source = "hashicorp/aws", version = ">= 5.98, < 7.0" } }
}

data "aws_caller_identity" "current" {}
"""
NOTHING: Mapping[str, str] = {
    "AWS_ACCESS_KEY_ID": "",
    "AWS_SECRET_ACCESS_KEY": "",
    "AWS_SESSION_TOKEN": "",
    "AWS_PROFILE": "",
    "AWS_REGION": "",
    "AWS_DEFAULT_REGION": "",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
KEY: Mapping[str, str] = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (KEY, "invalid AWS Region"),
        ({"AWS_REGION": "eu-west-1"}, "No valid credential sources found"),
    ],
)
def test_the_page_explains_what_the_provider_says_without_a_region_or_credentials(
    tmp_path: Path, given: Mapping[str, str], says: str
) -> None:
    (tmp_path / "main.tf").write_text(CONFIGURATION, encoding="utf-8")
    terraform = Terraform(tmp_path, tmp_path / "work", {**NOTHING, **given}, {})
    terraform.init()

    with pytest.raises(TerraformError, match=says):
        terraform.plan()

    assert f"| `{says}` |" in PAGE.read_text(encoding="utf-8")
