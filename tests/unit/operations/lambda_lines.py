"""Lambda's own lines, as JSON and as text, and those of its Python runtime.

The reports as JSON, and their statuses, are those of the first page, INIT_REPORT as text is that of
the second, and the runtime's errors are those of its source. The status and the error type in a
REPORT as text, and the error types in reports, are those of published logs: AWS shows no list.
https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
https://github.com/aws/aws-lambda-python-runtime-interface-client
"""

REQUEST = "6bc28136-4365-4365-b021-0ce6b2e64ab0"
OTHER = "79b4f56e-95b1-4643-9700-2807f4e68189"

IMPORT_ERROR = (
    '{"timestamp": "2026-01-01T00:00:00Z", "level": "ERROR", "errorMessage": "Unable to import '
    "module 'load.handler': No module named 'orjson'\", \"errorType\": "
    '"Runtime.ImportModuleError", "requestId": "", "stackTrace": []}'
)
IMPORT_FAILED = (
    "Runtime.ImportModuleError: Unable to import module 'load.handler': No module named 'orjson'"
)


def platform(kind: str, status: str, **fields: str) -> str:
    texts = "".join(f', "{name}": "{value}"' for name, value in fields.items())
    return (
        f'{{"time":"2026-01-01T00:00:00.000Z","type":"platform.{kind}","record":'
        f'{{"status":"{status}"{texts}}}}}'
    )


def report(status: str, *, peak: int = 64, error: str = "", request: str = REQUEST) -> str:
    error_type = f'"errorType":"{error}",' if error else ""
    return (
        '{"time":"2026-01-01T00:00:03.000Z","type":"platform.report","record":{'
        f'"requestId":"{request}",{error_type}"metrics":{{"durationMs":3000.0,'
        f'"billedDurationMs":3000,"memorySizeMB":128,"maxMemoryUsedMB":{peak}}},'
        f'"status":"{status}"}}}}'
    )


def text_report(*fields: str, peak: int = 64, request: str = REQUEST) -> str:
    return "\t".join(
        (
            f"REPORT RequestId: {request}",
            "Duration: 3000.00 ms",
            "Billed Duration: 3000 ms",
            "Memory Size: 128 MB",
            f"Max Memory Used: {peak} MB",
            *fields,
        )
    )
