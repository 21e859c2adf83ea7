"""The service that a route's class names is one of the container's, of the type the class declares."""

from __future__ import annotations

import ast
import inspect
import textwrap
from functools import cached_property
from typing import Any, get_args, get_type_hints

import pytest

from bootstrap.container import Container
from bootstrap.pipeline_tasks import PipelineTasks
from bootstrap.react import React
from features.wire.http import ServiceResource

COMPOSED = {"PipelineTasks": PipelineTasks, "React": React}
"""What the container hands out as several services in one, for routes that name the parts they use."""


def _declared(resource: type[ServiceResource[Any]]) -> tuple[str, Any]:
    """The name and the type of a resource's service, from itself or the class it shares them with."""
    for each in resource.__mro__:
        for base in each.__dict__.get("__orig_bases__", ()):
            if getattr(base, "__origin__", None) is ServiceResource:
                return resource.service_name, get_args(base)[0]
    raise AssertionError(f"{resource} declares no service")


def _subclasses(of: type[Any]) -> set[type[Any]]:
    return {found for each in of.__subclasses__() for found in ({each} | _subclasses(each))}


def test_routes_name_services_of_the_container() -> None:
    import web.route_table  # noqa: F401

    resources = {resource for resource in _subclasses(ServiceResource) if resource.__module__.startswith("features.")}
    assert len(resources) > 80
    for name, declared in {_declared(resource) for resource in resources}:
        member = getattr(Container, name)
        getter = member.func if isinstance(member, cached_property) else member.fget
        if getattr(declared, "_is_protocol", False):
            provided = get_type_hints(getter, localns=COMPOSED)["return"]
            parts = {part for part in vars(declared) if not part.startswith("_")}
            assert parts <= {*dir(provided), *get_type_hints(provided)}, (name, provided)
        else:
            assert getter.__annotations__["return"] == declared.__name__


def _own_names_used(resource: type[Any]) -> set[str]:
    """What a class's methods read of `self`."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(resource)))
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
    }


def test_routes_use_only_what_their_classes_have() -> None:
    """The type checker cannot say so: classes of the web framework come without types."""
    import web.route_table  # noqa: F401

    given = {"_services", "api"}
    for resource in _subclasses(ServiceResource):
        missing = {name for name in _own_names_used(resource) - given if not hasattr(resource, name)}
        assert not missing, (resource, missing)


def test_a_resource_without_a_service_is_noticed() -> None:
    with pytest.raises(AssertionError):
        _declared(ServiceResource)
