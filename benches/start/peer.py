"""The peer of the `start` bench: a Lambda function in Python with the three clients that a Sheaf function makes.

Run by AWS's own runtime interface client: `python -m awslambdaric peer.handler`.
"""

import os

import boto3

table = boto3.client("dynamodb")
blobs = boto3.client("s3")
queues = boto3.client("sqs")


def handler(event, context):
    """Answers a list of files with one read of the table, and anything else without."""
    if event["rawPath"] != "/v1/files":
        return {"statusCode": 200, "body": '{"status": "ok"}'}
    found = table.query(
        TableName=os.environ["TABLE_NAME"],
        IndexName="created",
        KeyConditionExpression="created_pk = :pk",
        ExpressionAttributeValues={":pk": {"S": "W#e2e#F#00"}},
    )
    return {"statusCode": 200, "body": f'{{"count": {found["Count"]}}}'}
