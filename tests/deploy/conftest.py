"""What the tests of a deployment share."""

import os
from collections.abc import Callable

import pytest
import requests

from deploy import Deployed


@pytest.fixture(scope="session")
def stack() -> Deployed:
    """The deployment that deploy.py has made."""
    described = os.environ.get("SHEAF_DEPLOYED")
    if described is None:
        pytest.exit("these tests need a deployment: run them by `just e2e-aws`", returncode=2)
    return Deployed.from_json(described)


class Api:
    """A client of the API in one workspace."""

    def __init__(self, stack: Deployed, workspace: str, role: str) -> None:
        self.stack = stack
        self.workspace = workspace
        self._headers = {"authorization": f"Bearer {token(stack, workspace=workspace, role=role)}"}

    def call(self, method: str, path: str, status: int, **options) -> requests.Response:
        """Calls and checks the status."""
        headers = self._headers | options.pop("headers", {})
        url = self.stack.url + path
        response = requests.request(method, url, headers=headers, allow_redirects=False, timeout=60, **options)
        assert response.status_code == status, f"{method} {path}: {response.status_code} {response.text}"
        return response

    def upload(self, name: str, content: bytes, **parameters) -> dict:
        response = self.call("POST", "/v1/files", 201, params={"name": name, **parameters}, data=content)
        return response.json()

    def file(self, file_id: str) -> dict:
        return self.call("GET", f"/v1/files/{file_id}", 200).json()

    def named(self, folder: str, name: str) -> list[dict]:
        """The files of a name in a folder; none also when there is no such folder."""
        response = requests.get(
            f"{self.stack.url}/v1/files", params={"folder": folder}, headers=self._headers, timeout=60
        )
        assert response.status_code in (200, 404), response.text
        return [file for file in response.json().get("items", []) if file["name"] == name]

    def content(self, file_id: str) -> bytes:
        """What the signed URL of a file's content gives; the token is not sent there."""
        location = self.call("GET", f"/v1/files/{file_id}/content", 302).headers["location"]
        response = requests.get(location, timeout=60)
        assert response.status_code == 200, response.text
        return response.content


def token(stack: Deployed, **claims: str) -> str:
    """A token of the deployment's issuer; see issuer.py."""
    return requests.get(f"{stack.issuer}/token", params=claims, timeout=10).text


@pytest.fixture
def api(stack: Deployed, request: pytest.FixtureRequest) -> Api:
    """An editor of a workspace that no other test uses."""
    return Api(stack, "".join(c if c.isalnum() else "-" for c in request.node.name)[:63].strip("-").lower(), "editor")


@pytest.fixture
def api_of(stack: Deployed) -> Callable[[str, str], Api]:
    """Makes clients of other workspaces and roles."""
    return lambda workspace, role: Api(stack, workspace, role)
