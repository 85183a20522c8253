"""Fill Label Studio: a project with a task whose video is in a bucket, its user, and one who was removed."""

import base64
import json
import os
import sys

import django

django.setup()

import boto3
from io_storages.s3.models import S3ImportStorage
from organizations.models import Organization
from projects.models import Project
from rest_framework.authtoken.models import Token
from tasks.models import Task
from users.models import User

from integrations.django_project import migrate

FILENAME = "Résumé 2026 – Übersicht 日本.mp4"


def member(name):
    """Create a user with an organisation."""
    user = User.objects.create_user(
        email=f"{name}@example.com", password="only-for-tests-0123", username=name
    )
    user.active_organization = Organization.create_organization(created_by=user, title=name)
    user.save()
    user.active_organization.jwt.legacy_api_tokens_enabled = True
    user.active_organization.jwt.save()
    return user


def token(user):
    """Return the request header of a user of the API."""
    return {"Authorization": f"Token {Token.objects.get_or_create(user=user)[0].key}"}


migrate()
owner, stranger = member("owner"), member("stranger")
# all members of an organisation may see all of its projects
owner.active_organization.add_user(stranger).soft_delete()
stranger.active_organization = stranger.organizations.get(title="stranger")
stranger.save()
project = Project.objects.create(title="Videos", created_by=owner, organization=owner.active_organization)
bucket = os.environ["BUCKET"]
S3ImportStorage.objects.create(
    project=project,
    bucket=bucket,
    presign=os.environ["PRESIGN"] == "true",
    s3_endpoint=os.environ["AWS_ENDPOINT_URL_S3"],
    aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"],
    aws_secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"],
    region_name="us-east-1",
)
boto3.client("s3").upload_file(sys.argv[1], bucket, FILENAME, ExtraArgs={"ContentType": "video/mp4"})
uri = f"s3://{bucket}/{FILENAME}"
task = Task.objects.create(project=project, data={"video": uri})
print(
    json.dumps(
        {
            "path": f"/tasks/{task.pk}/resolve/?fileuri={base64.urlsafe_b64encode(uri.encode()).decode()}",
            "filename": FILENAME,
            "owner": token(owner),
            "stranger": token(stranger),
            "page": "/api/version",
        }
    )
)
