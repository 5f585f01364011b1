"""The customer-managed keys of functions: LocalStack accepts them but doesn't return them.

https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html
"""

import functools
import importlib
from typing import Any

from localstack.runtime import hooks

# By account, region and name.
_keys: dict[tuple[str, str, str], str] = {}


@hooks.on_infra_start()
def remember_function_keys() -> None:
    """Store the key of a function, and add it to the function's configuration in responses."""
    # Imported here: LocalStack silently skips a plugin whose module can't be imported.
    provider: Any = importlib.import_module("localstack.services.lambda_.provider")
    api_utils: Any = provider.api_utils
    told = api_utils.map_config_out

    def tell(version: Any, *arguments: Any, **named: Any) -> Any:
        configuration = told(version, *arguments, **named)
        name = (version.id.account, version.id.region, version.id.function_name)
        if key := _keys.get(name):
            configuration["KMSKeyArn"] = key
        return configuration

    api_utils.map_config_out = tell
    for operation in ("create_function", "update_function_configuration"):
        _remember(provider.LambdaProvider, operation, api_utils)


def _remember(provider: Any, operation: str, api_utils: Any) -> None:
    original = getattr(provider, operation)

    @functools.wraps(original)
    def call(self: Any, context: Any, request: Any) -> Any:
        if "KMSKeyArn" in request:
            given = request["FunctionName"]
            account, region = api_utils.get_account_and_region(given, context)
            name, _ = api_utils.get_name_and_qualifier(given, None, context)
            _keys[account, region, name] = request["KMSKeyArn"]
        return original(self, context, request)

    setattr(provider, operation, call)
