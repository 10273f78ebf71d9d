"""What `import migrate` offers, and that its documentation is true."""

import doctest
import inspect
import subprocess
import sys

import migrate


def test_every_public_name_is_there_and_documented() -> None:
    for name in migrate.__all__:
        value = getattr(migrate, name)
        assert inspect.getdoc(value), name


def test_the_example_of_the_package_is_true() -> None:
    assert doctest.testmod(migrate) == (0, 4)


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import migrate, sys; print(sorted({'libcst', 'numpy', 'msgspec'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
