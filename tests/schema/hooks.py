"""What schemathesis has to be told of media types that it does not know."""

import schemathesis


@schemathesis.serializer("application/offset+octet-stream")
def bytes_of_an_upload(ctx, value):
    """Bytes of tus go as they are."""
    return value if isinstance(value, bytes) else str(value).encode()
