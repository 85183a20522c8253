"""Fill MLflow's databases: a run with an artifact, a user who may read its experiment and one who may not."""

import base64
import json
import os
import shutil
import sys
import tomllib
from pathlib import Path
from urllib.parse import quote

import boto3
from mlflow import MlflowClient
from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore

HERE = Path(__file__).parent
FILENAME = "Résumé 2026 – Übersicht 日本.zip"


def login(name: str) -> dict[str, str]:
    """Return the request header of a user."""
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{name}-password".encode()).decode()}


site = (HERE / "site.toml").read_text().replace("acme-artifacts", os.environ["BUCKET"])
Path("site.toml").write_text(site.replace("/var/log/xaccel/transfers.log", "xaccel.log"))
# what `pip install` would make of pyproject.toml
plugin = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
metadata = Path("mlflow_xaccel-0.1.0.dist-info")
metadata.mkdir()
(metadata / "METADATA").write_text(
    f"Metadata-Version: 2.1\nName: {plugin['name']}\nVersion: {plugin['version']}\n"
)
[(entry, target)] = plugin["entry-points"]["mlflow.app"].items()
(metadata / "entry_points.txt").write_text(f"[mlflow.app]\n{entry} = {target}\n")
shutil.copy(HERE / "mlflow_xaccel.py", ".")

client = MlflowClient("sqlite:///mlflow.db")
experiment = client.create_experiment("private", artifact_location="mlflow-artifacts:/1")
assert experiment == "1", "MLflow finds the experiment of an artifact by its path"
run = client.create_run(experiment)
path = f"{run.info.artifact_uri.partition(':/')[2].lstrip('/')}/{FILENAME}"
boto3.client("s3").upload_file(sys.argv[1], os.environ["BUCKET"], f"artifacts/{path}")

store = SqlAlchemyStore()
store.init_db("sqlite:///auth.db")
for name in ("owner", "stranger"):
    store.create_user(name, f"{name}-password")
store.create_experiment_permission(experiment, "owner", "READ")

print(
    json.dumps(
        {
            "path": f"/api/2.0/mlflow-artifacts/artifacts/{quote(path)}",
            "filename": FILENAME,
            "owner": login("owner"),
            "stranger": login("stranger"),
            "page": f"/api/2.0/mlflow/runs/get?run_id={run.info.run_id}",
            "pages": [f"/api/2.0/mlflow/artifacts/list?run_id={run.info.run_id}"],
        }
    )
)
