"""The API's document is a promise: it changes only together with its snapshot, which shows up in review."""

from __future__ import annotations

import json
from pathlib import Path

from zhiguan.kit import registry
from zhiguan.kit.api import Resource
from zhiguan.kit.pages import Page
from zhiguan.site.api import api, pretty_document

SNAPSHOT = Path(__file__).with_name("openapi.json")


def test_document_is_the_snapshot():
    assert pretty_document() == SNAPSHOT.read_text(encoding="utf-8"), (
        "接口有变化；确认是有意的之后，执行 .venv/bin/zhiguan openapi > tests/house/openapi.json 更新快照"
    )


def test_every_reference_resolves_and_every_operation_is_described():
    document = api().document()

    def references(value):
        if isinstance(value, dict):
            yield from ([value["$ref"]] if "$ref" in value else [])
            for each in value.values():
                yield from references(each)
        elif isinstance(value, list):
            for each in value:
                yield from references(each)

    for reference in set(references(document)):
        found = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
    names = set()
    for methods in document["paths"].values():
        for method, said in methods.items():
            names.add(said["operationId"])
            assert said["summary"] and said["tags"] and said["security"]
            wanted = {"401", "403", "405", "422", "429"} | ({"415", "413", "409"} if method in ("post", "patch") else set())
            assert wanted <= set(said["responses"]), (method, said["operationId"])
            for status, answer in said["responses"].items():
                if status >= "400":
                    assert answer["$ref"].startswith("#/components/responses/Problem")
    assert len(names) == sum(len(methods) for methods in document["paths"].values())


def test_every_act_of_a_resource_is_an_operation_of_the_same_name():
    document = json.loads(json.dumps(api().document()))
    operations = {said["operationId"] for methods in document["paths"].values() for said in methods.values()}
    for resource in registry.current().all(Resource):
        for act in (*resource.detail.actions, *resource.acts):
            assert resource.operation(act.code) in operations
        pages = registry.current().all(Page)
        assert resource.list in pages and resource.detail in pages, "an API of pages that nobody can open"
