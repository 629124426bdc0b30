from __future__ import annotations

import pytest

from zhiguan.kernel.reference import service


@pytest.fixture
def facts(as_system):
    service.sync()
    return service
