import gc

import pytest

from smallscale_ci.worker.loading import without_garbage


def test_what_was_made_inside_is_looked_through_neither_then_nor_later() -> None:
    assert gc.isenabled()
    try:
        with without_garbage():
            assert not gc.isenabled()
            made = [{} for _ in range(10)]
        assert gc.isenabled()
        seen = {id(each) for each in gc.get_objects()}
        assert id(made) not in seen
    finally:
        gc.unfreeze()


def test_an_import_that_fails_leaves_the_search_on() -> None:
    try:
        with pytest.raises(ImportError), without_garbage():
            raise ImportError
        assert gc.isenabled()
    finally:
        gc.unfreeze()
