"""`mlflow server --app-name xaccel`: MLflow with its login (basic-auth), whose artifacts NGINX sends."""

import os
import posixpath

from fastapi import APIRouter, FastAPI, Request, Response
from mlflow.exceptions import MlflowException
from mlflow.server import artifact_router as stock
from mlflow.server import auth, handlers
from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository
from mlflow.utils.mime_type_utils import _guess_mime_type
from mlflow.utils.uri import validate_path_is_safe

from xaccel import flask, starlette

SITE, router = os.environ["MLFLOW_XACCEL_SITE"], APIRouter()
in_fastapi, in_flask = starlette.Downloads(SITE), flask.Downloads(SITE)
stock_send, stock_find = handlers._send_artifact, auth._find_fastapi_validator


def arguments(repo: S3ArtifactRepository, path: str) -> dict[str, object]:
    """Return the arguments of `send_file` for an artifact."""
    name = posixpath.basename(path)
    key = posixpath.join(repo.parse_s3_compliant_uri(repo.artifact_uri)[1], path)
    return {"key": key, "filename": name, "as_attachment": True, "content_type": _guess_mime_type(name)}


@starlette.download_route(router, "/api/2.0/mlflow-artifacts/artifacts/{artifact_path:path}")
@starlette.download_route(router, "/ajax-api/2.0/mlflow-artifacts/artifacts/{artifact_path:path}")
async def download(request: Request, artifact_path: str) -> Response:
    """Send an artifact. MLflow has asked for the login and the permission by this path."""
    try:
        path = stock._get_workspace_scoped_path(validate_path_is_safe(artifact_path))
        repo = stock._get_artifact_repo() if stock._is_serving_proxied_artifacts() else None
    except MlflowException:
        repo = None
    if not isinstance(repo, S3ArtifactRepository):
        return await stock.download_artifact(artifact_path)  # it refuses, or has another storage
    return await in_fastapi.asend_file(request, **arguments(repo, path))


def send_artifact(repo: object, path: str) -> object:
    """Send an artifact to the user interface, which asks the Flask app below the FastAPI one."""
    if not isinstance(repo, S3ArtifactRepository):
        return stock_send(repo, path)
    return in_flask.send_file(**arguments(repo, path))


def find_validator(path: str, method: str) -> object:
    """Check HEAD as GET: MLflow checks GET and PUT, and would pass HEAD to the route above unchecked."""
    return stock_find(path, "GET" if method == "HEAD" else method)


def create_app() -> FastAPI:
    """Return MLflow's app with its login, whose first routes are those above."""
    handlers._send_artifact, auth._find_fastapi_validator = send_artifact, find_validator
    app = auth.create_app()
    app.router.routes[:0] = router.routes
    app.add_middleware(starlette.HandOffMiddleware, downloads=in_fastapi)
    return app
