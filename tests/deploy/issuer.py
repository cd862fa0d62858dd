"""An issuer of tokens on loopback, with a key made when it starts.

`GET /.well-known/jwks.json` is what the functions read. `GET /token?workspace=…&role=…` makes a token; other
parameters are claims of its own, `expires_in_s` is 600 unless given, and `without=exp` leaves a claim out, so that
tests in any language can have tokens that are right or wrong.
"""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

AUDIENCE = "sheaf"
KEY_ID = "tests"


class Issuer:
    """Serves until it is closed; a context manager."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def jwks_url(self) -> str:
        return f"{self.url}/.well-known/jwks.json"

    def token(self, claims: dict[str, str]) -> str:
        claims = dict(claims)
        now = int(time.time())
        without = claims.pop("without", None)
        whole = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "tester",
            "iat": now,
            "exp": now + int(claims.pop("expires_in_s", "600")),
            **claims,
        }
        whole.pop(without, None)
        return jwt.encode(whole, self._key, algorithm="RS256", headers={"kid": KEY_ID})

    def _jwks(self) -> dict[str, object]:
        public = json.loads(RSAAlgorithm.to_jwk(self._key.public_key()))
        return {"keys": [{**public, "kid": KEY_ID, "use": "sig", "alg": "RS256"}]}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                url = urlsplit(self.path)
                if url.path == "/.well-known/jwks.json":
                    self._answer(200, "application/json", json.dumps(issuer._jwks()))
                elif url.path == "/token":
                    self._answer(200, "text/plain", issuer.token(dict(parse_qsl(url.query))))
                else:
                    self._answer(404, "text/plain", "not here")

            def _answer(self, status: int, content_type: str, text: str) -> None:
                body = text.encode()
                self.send_response(status)
                self.send_header("content-type", content_type)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Says nothing: the tests say what matters."""

        return Handler

    def __enter__(self) -> "Issuer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
