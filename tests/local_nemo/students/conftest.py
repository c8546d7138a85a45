"""Students trained once on the support desk, for every test that looks at what they learned."""

import pytest
import support_desk
from student_training import SIZES, train_quietly

from include.local_nemo.students import Adapter


@pytest.fixture(scope="session")
def adapters() -> dict[str, Adapter]:
    rows, validation = support_desk.rows(40, seed=1), support_desk.rows(6, seed=3)
    return {size: train_quietly(size, rows, validation) for size in SIZES}
