"""Only where slow tests are asked for; a client that cannot be installed is skipped with the reason."""

import pytest
from third_parties import CannotInstall, environment


@pytest.fixture
def installed():
    """``installed(NAME)``: the environment of a client."""

    def found(name):
        try:
            return environment(name)
        except CannotInstall as reason:
            pytest.skip(f"{name} cannot be installed here: {reason}")

    return found
