import gc
import os

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


def test_a_process_forked_inside_searches_again_but_not_what_it_was_given() -> None:
    try:
        with without_garbage():
            made = [{} for _ in range(10)]
            child = os.fork()
            if child == 0:
                seen = {id(each) for each in gc.get_objects()}
                os._exit(0 if gc.isenabled() and id(made) not in seen else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        gc.unfreeze()
