"""How to start it: with xaccel, and with MLflow's own login plugin."""

import json
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path

from integrations.application import Application, Private
from xaccel_testing import AppServer, free_port
from xaccel_testing.servers.processes import running


def prepare(run: Callable[..., str], file: Path) -> Private:
    """Write the configuration, and fill the databases."""
    return Private(**json.loads(run("-m", "integrations.mlflow.fill", str(file)).splitlines()[-1]))


@contextmanager
def serve(folder: Path, env: Mapping[str, str]) -> Iterator[AppServer]:
    """Run `mlflow server`, which starts uvicorn."""
    port = free_port()
    options = {
        "host": "127.0.0.1",
        "port": str(port),
        "workers": "1",
        "backend-store-uri": "sqlite:///mlflow.db",
        "artifacts-destination": f"s3://{env['BUCKET']}/artifacts",
        "app-name": env["APP_NAME"],
    }
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        *(f"--{name}={value}" for name, value in options.items()),
    ]

    def responds(_: int) -> bool:
        with closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection, suppress(OSError):
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        return False

    server = running(command, name="mlflow", directory=folder, ready=responds, env=env, start_within_s=300)
    with server as started:
        yield AppServer(f"127.0.0.1:{port}", server=started)


ENV = {
    "MLFLOW_AUTH_CONFIG_PATH": str(Path(__file__).with_name("auth.ini")),
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(),
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_XACCEL_SITE": "site.toml",
    "XACCEL_SECRET": secrets.token_urlsafe(32),
}
APPLICATION = Application(
    packages=("mlflow", "boto3"),
    sides={"xaccel": {**ENV, "APP_NAME": "xaccel"}, "stock": {**ENV, "APP_NAME": "basic-auth"}},
    prepare=prepare,
    serve=serve,
    site=Path("site.toml"),
)
