"""What Schemathesis cannot read from the document: cross-field rules, MessagePack, and addresses."""

import json
import random
import re

import msgpack
import schemathesis


def good_names(value):
    return isinstance(value, list) and 0 < len(value) <= 64 and all(isinstance(name, str) and name for name in value)


def tie(body):
    """A filter must not lead out of the world that is asked, and no memory is of the future; what is wrong stays wrong."""
    if isinstance(body.get("timestamp"), str) and re.match(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", body["timestamp"]):
        body["timestamp"] = "2020" + body["timestamp"][4:].replace("02-29", "02-28")
    world, filter_ = body.get("world"), body.get("filter")
    if isinstance(filter_, dict) and isinstance(world, str):
        if good_names([filter_.get("world")]):
            filter_["world"] = world
        if good_names(filter_.get("worlds")):
            filter_["worlds"] = [world, *filter_["worlds"]][:64]


@schemathesis.hook
def before_call(context, case, kwargs):
    """Also, wrong keys come from many addresses, so that their delays do not add up."""
    if isinstance(case.body, dict):
        tie(case.body)
    case.headers = case.headers or {}
    case.headers["X-Forwarded-For"] = ".".join(str(random.randrange(1, 255)) for _ in range(4))


@schemathesis.deserializer("application/msgpack")
def read_msgpack(ctx, response):
    return msgpack.unpackb(response.content, raw=False)


@schemathesis.deserializer("application/x-ndjson")
def read_ndjson(ctx, response):
    lines = [json.loads(line) for line in response.content.decode().splitlines() if line]
    return lines[-1] if lines else {"index": 0, "id": "00000000-0000-7000-8000-000000000000"}
