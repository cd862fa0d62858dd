"""Holds template.yaml to the code, and to what no emulator would notice."""

import re
from typing import Any

import pytest

import sam
import source
from sam import chosen, listed, of_type, referred, text

HTTP_FUNCTIONS = {"upload", "retrieval", "organize", "generation"}
CONSUMERS = {"IngestQueue": "ingest", "SummarizeQueue": "summarize", "AccessQueue": "cleanup", "JobsQueue": "jobs"}
ALL_FUNCTIONS = sorted(source.functions())

BUCKET_ARN = "arn:${AWS::Partition}:s3:::${Bucket}"
MODEL_ARN = "arn:${AWS::Partition}:bedrock"
PROFILE = MODEL_ARN + ":${AWS::Region}:${AWS::AccountId}:inference-profile/${BedrockModelId}"

# What the words of `# Permissions` mean, by subject. docs/adding-a-function.md explains them.
TABLE = {
    "read": {"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"},
    "scan": {"dynamodb:Scan"},
    "write": {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:ConditionCheckItem"},
}
INDEX = {"read": {"dynamodb:Query"}}
OBJECTS = {
    "get": {"s3:GetObject"},
    "put": {"s3:PutObject"},
    "delete": {"s3:DeleteObject"},
    "parts": {"s3:ListMultipartUploadParts"},
    "abort": {"s3:AbortMultipartUpload"},
}
BUCKET = {"list": {"s3:ListBucket"}, "list-multiparts": {"s3:ListBucketMultipartUploads"}}
QUEUE = {
    "send": {"sqs:SendMessage"},
    "receive": {
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ChangeMessageVisibility",
    },
}
MODEL = {"invoke": {"bedrock:InvokeModel"}}


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return sam.transform()


def logical(function: str) -> str:
    return f"{function.capitalize()}Function"


def functions(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The functions of the template, by their names in the code."""
    return {name.removesuffix("Function").lower(): p for name, p in of_type(template, "AWS::Lambda::Function").items()}


# The code


def test_every_function_of_the_code_is_deployed(template):
    assert set(functions(template)) == source.functions()


@pytest.mark.parametrize("function", ALL_FUNCTIONS)
def test_function_is_built_from_its_crate(function):
    resource = sam.read()["Resources"][logical(function)]
    assert resource["Metadata"] == {"BuildMethod": "rust-cargolambda", "BuildProperties": {"Binary": function}}
    assert resource["Properties"]["CodeUri"] == f"functions/{function}"
    assert (source.FUNCTIONS / function / "src/main.rs").is_file()


@pytest.mark.parametrize("function", ALL_FUNCTIONS)
def test_function_runs_as_a_binary_on_the_chosen_processor(template, function):
    properties = functions(template)[function]
    assert properties["Runtime"] == "provided.al2023"
    assert properties["Handler"] == "bootstrap"
    assert properties["Architectures"] == [{"Ref": "Architecture"}]
    assert template["Parameters"]["Architecture"]["Default"] == "arm64"


@pytest.mark.parametrize("function", ALL_FUNCTIONS)
def test_environment_is_what_the_function_reads(template, function):
    assert set(functions(template)[function]["Environment"]["Variables"]) == source.environment(function)


@pytest.mark.parametrize("function", ALL_FUNCTIONS)
def test_queue_urls_are_of_the_queues_they_name(template, function):
    variables = functions(template)[function]["Environment"]["Variables"]
    for queue in source.queues_used(function):
        assert variables[source.queue_settings()[queue]] == {"Ref": f"{queue}Queue"}


def test_nothing_but_the_runtime_reads_the_environment():
    sources = [path for top in (source.SHARED, source.FUNCTIONS) for path in top.glob("*/src/**/*.rs")]
    readers = {
        str(path.relative_to(sam.ROOT))
        for path in sources
        if "env::var" in source.read(path)
        and not any(path.is_relative_to(source.SHARED / crate) for crate in ("runtime", "testkit"))
    }
    assert not readers


def test_routes_are_those_of_the_code(template):
    in_code = {route: function for function in ALL_FUNCTIONS for route in source.routes(function)}
    assert sum(len(source.routes(function)) for function in ALL_FUNCTIONS) == len(in_code), "a route has two functions"
    in_template = deployed_routes(template)
    otherwise = in_template.pop("$default")
    missing = "".join(sorted(route_resource(route, in_code[route]) for route in in_code.keys() - in_template.keys()))
    assert not missing, f"template.yaml lacks routes:\n\n{missing}"
    assert in_template == in_code
    assert otherwise == source.OTHERWISE


def deployed_routes(template: dict[str, Any]) -> dict[str, str]:
    """The function of each route."""
    integrations = {
        name: referred(properties["IntegrationUri"]).removesuffix("Function").lower()
        for name, properties in of_type(template, "AWS::ApiGatewayV2::Integration").items()
    }
    routes = {}
    for name, properties in of_type(template, "AWS::ApiGatewayV2::Route").items():
        assert properties["RouteKey"] not in routes, f"{name} is there twice"
        integration = text(properties["Target"]).removeprefix("integrations/${").removesuffix("}")
        routes[properties["RouteKey"]] = integrations[integration]
        assert "AuthorizationType" not in properties, f"{name}: the functions check tokens themselves"
    return routes


def route_resource(route: str, function: str) -> str:
    """A route as template.yaml has it, to be put there."""
    verb, path = route.split(" ")
    words = [word for part in path.replace("v1", "").split("/") for word in part.strip("{}+").split("-") if word]
    name = verb.capitalize() + "".join("".join(c for c in word.title() if c.isalnum()) for word in words)
    return f"""  {name}Route:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Api
      RouteKey: {route}
      Target: !Sub integrations/${{{function.capitalize()}Integration}}

"""


# Permissions


@pytest.mark.parametrize("function", ALL_FUNCTIONS)
def test_policy_allows_what_the_function_says_and_no_more(template, function):
    assert granted(template, function) == stated(function)


def granted(template: dict[str, Any], function: str) -> set[tuple[str, str]]:
    """Pairs of an action and what it is allowed on, but for the function's own logs."""
    role = of_type(template, "AWS::IAM::Role")[f"{function.capitalize()}Role"]
    pairs = set()
    for policy in role["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            statement = chosen(statement)
            assert statement["Effect"] == "Allow"
            pairs |= {
                (action, text(resource))
                for action in listed(statement["Action"])
                for resource in listed(statement["Resource"])
            }
    logs = "${" + f"{function.capitalize()}Logs.Arn" + "}"
    own = {("logs:CreateLogStream", logs), ("logs:PutLogEvents", logs)}
    assert own <= pairs
    return pairs - own


def stated(function: str) -> set[tuple[str, str]]:
    """The same pairs, as the head of the function's lib.rs says them in words."""
    pairs = set()
    for subject, verbs in source.permissions(function).items():
        match subject.split(" "):
            case ["table"]:
                words, resources = TABLE, ["${Table.Arn}"]
            case ["index", name]:
                words, resources = INDEX, [f"${{Table.Arn}}/index/{name}"]
            case ["objects", prefix]:
                assert prefix.endswith("/"), f"{function}: {prefix} is no prefix"
                words, resources = OBJECTS, [f"{BUCKET_ARN}/{prefix}*"]
            case ["bucket"]:
                words, resources = BUCKET, [BUCKET_ARN]
            case ["queue", name]:
                words, resources = QUEUE, [f"${{{name.capitalize()}Queue.Arn}}"]
            case ["model"]:
                own = MODEL_ARN + ":${AWS::Region}::foundation-model/${BedrockModelId}"
                words, resources = MODEL, [own, PROFILE, MODEL_ARN + ":*::foundation-model/*"]
            case _:
                pytest.fail(f"{function}: nothing is called {subject}")
        unknown = verbs - words.keys()
        assert not unknown, f"{function}: {subject} cannot be {unknown}"
        pairs |= {(action, resource) for verb in verbs for action in words[verb] for resource in resources}
    return pairs


@pytest.mark.parametrize("function", ALL_FUNCTIONS)
def test_function_connects_to_the_queues_it_says(function):
    said = {subject.removeprefix("queue ") for subject in source.permissions(function) if subject.startswith("queue ")}
    assert said == {queue.lower() for queue in source.queues_used(function)}


@pytest.mark.parametrize("function", ALL_FUNCTIONS)
def test_role_is_the_functions_own(template, function):
    role = of_type(template, "AWS::IAM::Role")[f"{function.capitalize()}Role"]
    assert functions(template)[function]["Role"] == {"Fn::GetAtt": [f"{function.capitalize()}Role", "Arn"]}
    assert set(role) == {"AssumeRolePolicyDocument", "Policies"}, "no policy but the one that is held here"
    [trust] = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust == {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}


def test_there_are_no_other_roles_or_policies(template):
    roles = of_type(template, "AWS::IAM::Role")
    assert set(roles) == {f"{function.capitalize()}Role" for function in ALL_FUNCTIONS}
    assert not of_type(template, "AWS::IAM::Policy") | of_type(template, "AWS::IAM::ManagedPolicy")


def test_models_of_other_regions_are_called_through_the_profile_only(template):
    [policy] = of_type(template, "AWS::IAM::Role")["SummarizeRole"]["Policies"]
    for statement in policy["PolicyDocument"]["Statement"]:
        for resource in map(text, listed(chosen(statement)["Resource"])):
            if resource.endswith("foundation-model/*"):
                [(key, profile)] = chosen(statement)["Condition"]["StringEquals"].items()
                assert (key, text(profile)) == ("bedrock:InferenceProfileArn", PROFILE)


# The table


def test_table_keeps_what_it_has(template):
    resource = template["Resources"]["Table"]
    assert resource["DeletionPolicy"] == "RetainExceptOnCreate"
    assert resource["UpdateReplacePolicy"] == "Retain"
    properties = resource["Properties"]
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["SSESpecification"] == {"SSEEnabled": True}
    assert properties["BillingMode"] == "PAY_PER_REQUEST"


def test_table_forgets_what_the_code_says_it_may(template):
    assert template["Resources"]["Table"]["Properties"]["TimeToLiveSpecification"] == {
        "AttributeName": "forget_at",
        "Enabled": True,
    }
    for path in ("access", "erase", "file", "idempotency", "upload"):
        source.constant(f"shared/store/src/{path}.rs", r"\b(forget_at)\b")


def test_table_is_found_by_the_keys_of_the_code(template):
    properties = template["Resources"]["Table"]["Properties"]
    indexes = {index["IndexName"]: index for index in properties["GlobalSecondaryIndexes"]}
    assert key_names(properties) == ["pk", "sk"]
    assert set(indexes) == {"created", "list", "folder", "due"}
    for name, index in indexes.items():
        assert key_names(index) == [f"{name}_pk", f"{name}_sk"]
    # The whole row would be written twice more for each change.
    for name in ("created", "list", "folder"):
        assert indexes[name]["Projection"] == {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["id"]}
    assert indexes["due"]["Projection"] == {"ProjectionType": "KEYS_ONLY"}


def key_names(described: dict[str, Any]) -> list[str]:
    return [key["AttributeName"] for key in described["KeySchema"]]


# The bucket


def test_bucket_keeps_what_it_has(template):
    resource = template["Resources"]["Bucket"]
    assert resource["DeletionPolicy"] == "RetainExceptOnCreate"
    assert resource["UpdateReplacePolicy"] == "Retain"
    [rule, exports] = resource["Properties"]["LifecycleConfiguration"]["Rules"]
    assert set(rule) == {"Id", "Status", "AbortIncompleteMultipartUpload"}, "a lifecycle rule must not delete data"
    assert rule["Status"] == "Enabled"
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 8}
    # Copies, which are kept for a day: long after it, and nothing else.
    assert set(exports) == {"Id", "Status", "Prefix", "ExpirationInDays"}
    assert exports["Prefix"] == "exports/" and exports["ExpirationInDays"] == 30


def test_bucket_lets_go_of_what_is_deleted(template):
    assert "VersioningConfiguration" not in template["Resources"]["Bucket"]["Properties"]


# Who erases signs receipts.
ERASING = ("organize", "jobs", "cleanup")


def test_bucket_is_closed_and_encrypted(template):
    properties = template["Resources"]["Bucket"]["Properties"]
    assert all(properties["PublicAccessBlockConfiguration"].values())
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    [rule] = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    policy = of_type(template, "AWS::S3::BucketPolicy")["BucketPolicy"]
    assert referred(policy["Bucket"]) == "Bucket"
    statement, keys = policy["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert {text(resource) for resource in statement["Resource"]} == {"${Bucket.Arn}", "${Bucket.Arn}/*"}
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": False}}
    assert (keys["Effect"], keys["Principal"], text(keys["Resource"])) == ("Deny", "*", "${Bucket.Arn}/keys/*")
    erasing = {logical(function).replace("Function", "Role") for function in ERASING}
    assert {referred(arn) for arn in keys["Condition"]["ArnNotEquals"]["aws:PrincipalArn"]} == erasing


def test_keys_are_for_those_who_erase(template):
    with_keys = {function for function in ALL_FUNCTIONS if "objects keys/" in source.permissions(function)}
    assert with_keys == set(ERASING)


def test_browsers_may_only_come_from_the_allowed_origins(template):
    [rule] = chosen(template["Resources"]["Bucket"]["Properties"]["CorsConfiguration"])["CorsRules"]
    assert rule["AllowedOrigins"] == {"Ref": "AllowedOrigins"}
    assert "ETag" in rule["ExposedHeaders"]


def test_bucket_tells_the_ingest_queue_of_what_others_write(template):
    resource = template["Resources"]["Bucket"]
    told = {}
    for notification in resource["Properties"]["NotificationConfiguration"]["QueueConfigurations"]:
        [rule] = notification["Filter"]["S3Key"]["Rules"]
        assert rule["Name"] == "prefix"
        told[rule["Value"]] = (notification["Event"], referred(notification["Queue"]))
    prefixes = [
        source.constant("shared/store/src/blob/key.rs", rf'{name}_PREFIX: &str = "([^"]+)"')
        for name in ("PRESIGNED", "INBOX")
    ]
    assert told == {prefix: ("s3:ObjectCreated:*", "IngestQueue") for prefix in prefixes}
    assert "IngestQueuePolicy" in listed(resource["DependsOn"])


def test_only_the_bucket_may_write_to_the_ingest_queue_from_outside(template):
    [policy] = of_type(template, "AWS::SQS::QueuePolicy").values()
    assert [referred(queue) for queue in policy["Queues"]] == ["IngestQueue"]
    [statement] = policy["PolicyDocument"]["Statement"]
    bucket = text(template["Resources"]["Bucket"]["Properties"]["BucketName"])
    assert statement["Effect"] == "Allow"
    assert statement["Principal"] == {"Service": "s3.amazonaws.com"}
    assert statement["Action"] == "sqs:SendMessage"
    assert referred(statement["Resource"]) == "IngestQueue"
    assert text(statement["Condition"]["ArnEquals"]["aws:SourceArn"]) == f"arn:${{AWS::Partition}}:s3:::{bucket}"
    assert text(statement["Condition"]["StringEquals"]["aws:SourceAccount"]) == "${AWS::AccountId}"


# The queues


def test_every_queue_of_the_code_is_there(template):
    assert {f"{queue}Queue" for queue in source.queue_settings()} == set(CONSUMERS)
    assert set(CONSUMERS) <= set(of_type(template, "AWS::SQS::Queue"))


@pytest.mark.parametrize("queue", CONSUMERS)
def test_queue_gives_up_into_its_dead_letters(template, queue):
    queues = of_type(template, "AWS::SQS::Queue")
    redrive = queues[queue]["RedrivePolicy"]
    dead_letters = queues[referred(redrive["deadLetterTargetArn"])]
    assert referred(redrive["deadLetterTargetArn"]) == queue.replace("Queue", "DeadLetters")
    assert redrive["maxReceiveCount"] == 5
    assert dead_letters["MessageRetentionPeriod"] >= queues[queue]["MessageRetentionPeriod"]
    assert queues[queue]["SqsManagedSseEnabled"] and dead_letters["SqsManagedSseEnabled"]


@pytest.mark.parametrize("queue", CONSUMERS)
def test_functions_know_which_try_is_the_last(template, queue):
    told = re.findall(r"const MAX_RECEIVES: u32 = (\d+)", source.read(source.SHARED / "store/src/worker.rs"))
    tries = of_type(template, "AWS::SQS::Queue")[queue]["RedrivePolicy"]["maxReceiveCount"]
    assert told == [str(tries)]


@pytest.mark.parametrize("queue, function", CONSUMERS.items())
def test_queue_hides_a_message_while_it_is_worked_on(template, queue, function):
    mapping = mapping_of(template, queue)
    visibility = of_type(template, "AWS::SQS::Queue")[queue]["VisibilityTimeout"]
    window = mapping.get("MaximumBatchingWindowInSeconds", 0)
    assert visibility >= 6 * functions(template)[function]["Timeout"] + window


@pytest.mark.parametrize("queue, function", CONSUMERS.items())
def test_queue_is_read_by_its_function_message_by_message(template, queue, function):
    mapping = mapping_of(template, queue)
    assert referred(mapping["FunctionName"]) == logical(function)
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": {"Ref": "WorkerConcurrency"}}
    assert source.permissions(function)[f"queue {queue.removesuffix('Queue').lower()}"] >= {"receive"}


def mapping_of(template: dict[str, Any], queue: str) -> dict[str, Any]:
    mappings = of_type(template, "AWS::Lambda::EventSourceMapping").values()
    [mapping] = [mapping for mapping in mappings if referred(mapping["EventSourceArn"]) == queue]
    return mapping


def test_files_that_are_read_fit_the_disk_beside_one_that_was_left_behind(template):
    mebibytes = source.constant("shared/extract/src/limits.rs", r"file_bytes: (\d+) \* MIB")
    assert functions(template)["ingest"]["EphemeralStorage"]["Size"] >= 2.2 * int(mebibytes)


@pytest.mark.parametrize("queue", ["IngestQueue", "SummarizeQueue", "JobsQueue"])
def test_work_is_sent_again_only_after_it_is_visible_again(template, queue):
    minutes = source.constant("shared/store/src/work.rs", r"RESEND_AFTER: SignedDuration = SignedDuration::from_mins\((\d+)\)")
    assert of_type(template, "AWS::SQS::Queue")[queue]["VisibilityTimeout"] < int(minutes) * 60


def test_lease_on_a_summary_outlives_the_function_and_not_the_message(template):
    minutes = source.constant("shared/store/src/lease.rs", r"WRITING: SignedDuration = SignedDuration::from_mins\((\d+)\)")
    assert functions(template)["summarize"]["Timeout"] < int(minutes) * 60
    assert int(minutes) * 60 < of_type(template, "AWS::SQS::Queue")["SummarizeQueue"]["VisibilityTimeout"]


# Who calls whom


def test_http_functions_answer_before_the_gateway_gives_up(template):
    integrations = of_type(template, "AWS::ApiGatewayV2::Integration").values()
    called = {referred(properties["IntegrationUri"]).removesuffix("Function").lower() for properties in integrations}
    assert called == HTTP_FUNCTIONS
    assert all(properties["PayloadFormatVersion"] == "2.0" for properties in integrations)
    assert all(functions(template)[function]["Timeout"] < 30 for function in called)


def test_functions_may_be_called_by_what_calls_them(template):
    callers = {
        (referred(p["FunctionName"]), p["Principal"], referred_in_arn(p["SourceArn"]))
        for p in of_type(template, "AWS::Lambda::Permission").values()
    }
    expected = {(logical(function), "apigateway.amazonaws.com", "Api") for function in HTTP_FUNCTIONS}
    [rule] = of_type(template, "AWS::Events::Rule")
    assert callers == expected | {("CleanupFunction", "events.amazonaws.com", rule)}


def referred_in_arn(value: Any) -> str:
    """The resource whose ARN this is: named by `!GetAtt`, or last in a `!Sub`."""
    return text(value).removesuffix("/*").rsplit("${", 1)[-1].split(".")[0].removesuffix("}")


def test_cleanup_sweeps_by_itself_and_never_beside_itself(template):
    [rule] = of_type(template, "AWS::Events::Rule").values()
    [target] = rule["Targets"]
    assert referred(target["Arn"]) == "CleanupFunction"
    assert rule["ScheduleExpression"] == "rate(5 minutes)"
    assert functions(template)["cleanup"]["Timeout"] < 5 * 60
    [retries] = of_type(template, "AWS::Lambda::EventInvokeConfig").values()
    assert retries["MaximumRetryAttempts"] == 0


def test_api_is_served_at_its_root_and_logged_without_names(template):
    [stage] = of_type(template, "AWS::ApiGatewayV2::Stage").values()
    assert stage["StageName"] == "$default"
    assert stage["AutoDeploy"] is True
    assert referred(stage["AccessLogSettings"]["DestinationArn"]) == "ApiLogs"
    for telling in ("$context.path", "queryString", "sourceIp", "authorizer"):
        assert telling not in stage["AccessLogSettings"]["Format"]


# Watching


def test_all_logs_end(template):
    groups = of_type(template, "AWS::Logs::LogGroup")
    assert set(groups) == {"ApiLogs"} | {f"{function.capitalize()}Logs" for function in ALL_FUNCTIONS}
    assert all(group["RetentionInDays"] == {"Ref": "LogRetentionDays"} for group in groups.values())
    for function, properties in functions(template).items():
        assert referred(properties["LoggingConfig"]["LogGroup"]) == f"{function.capitalize()}Logs"


def test_alarms_watch_dead_letters_functions_and_the_api(template):
    watched = set()
    for alarm in of_type(template, "AWS::CloudWatch::Alarm").values():
        of = alarm["Dimensions"][0]["Value"] if "Dimensions" in alarm else alarm["Namespace"]
        namespace = alarm["Namespace"] if "Dimensions" in alarm else "of its logs"
        watched.add((namespace, alarm["MetricName"], referred(of)))
        assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold")
        assert alarm["TreatMissingData"] == "notBreaching"
        assert chosen(alarm["AlarmActions"]) == [{"Ref": "AlarmTopicArn"}]
    dead_letters = {queue.replace("Queue", "DeadLetters") for queue in CONSUMERS}
    assert watched == (
        {("AWS/SQS", "ApproximateNumberOfMessagesVisible", queue) for queue in dead_letters}
        | {("AWS/Lambda", "Errors", logical(function)) for function in ALL_FUNCTIONS}
        | {("AWS/ApiGateway", "5xx", "Api")}
        | {("of its logs", metric, "AWS::StackName") for metric in ("QuotaAlerts", "SeriousFindings")}
    )


def test_metrics_count_lines_that_the_code_writes(template):
    filters = of_type(template, "AWS::Logs::MetricFilter")
    assert filters
    # Findings are told by what finds them, for the sweep and for checks alike.
    told = source.source("cleanup") + source.read(source.ROOT / "shared/store/src/check/finding.rs")
    kinds = source.read(source.ROOT / "shared/domain/src/finding.rs")
    counted = set()
    for properties in filters.values():
        [transformation] = properties["MetricTransformations"]
        assert transformation["MetricNamespace"] == {"Ref": "AWS::StackName"}
        pattern = properties["FilterPattern"]
        event = re.match(r'\{ \$\.event = "(\w+)"', pattern)[1]
        assert f'event = "{event}"' in told
        for kind in re.findall(r'\$\.kind = "(\w+)\*?"', pattern):
            assert f'=> "{kind}' in kinds
        counted.add((referred(properties["LogGroupName"]), transformation["MetricName"]))
    assert counted == {("CleanupLogs", "QuotaAlerts"), ("CleanupLogs", "QuotaDifferences")} | {
        (logs, metric) for logs in ("CleanupLogs", "JobsLogs") for metric in ("Findings", "SeriousFindings")
    }


def test_outputs_name_what_an_operator_needs(template):
    dead_letters = {queue.replace("Queue", f"DeadLetters{kind}") for queue in CONSUMERS for kind in ("Url", "Arn")}
    assert set(template["Outputs"]) >= {"Url", "ApiId", "TableName", "BucketName"} | dead_letters


def test_operations_name_outputs_that_are_there(template):
    documented = re.findall(r"\$\(output (\w+)\)", (source.ROOT / "docs/OPERATIONS.md").read_text(encoding="utf-8"))
    assert documented and set(documented) <= set(template["Outputs"])
