"""Where things are, and which of the places set the rules."""

from dataclasses import replace
from pathlib import Path

from helpers import replayed

from smallscale_ci.config.rules import Rules
from smallscale_ci.config.settings import Service

RULES = Rules("origin/main", "c" * 40, Path("p"), Path("files"), ())


def ruled(tmp_path):
    """Two roots of the rules, and one of the working tree that only adds to them."""
    found = replayed.settings(tmp_path)
    roots = (Path("commit"), Path("package"), Path("tree"))
    return replace(found, roots=roots, added=1, rules=RULES)


def test_policies_come_from_the_roots_that_set_the_rules(tmp_path):
    assert ruled(tmp_path).fixed == (Path("commit"), Path("package"))
    free = replayed.settings(tmp_path)
    assert free.fixed == free.roots


def test_candidates_are_made_by_the_working_tree_and_judged_by_the_rules(tmp_path):
    makers = ruled(tmp_path).makers
    assert makers.roots == (Path("tree"), Path("commit"), Path("package"))
    assert makers.rules is None
    assert makers.fixed == makers.roots


def test_a_baseline_of_a_commit_is_found_in_the_repository(tmp_path):
    found = replayed.settings(tmp_path)
    assert found.root_of("git:main") == found.baselines
    elsewhere = replace(ruled(tmp_path), repository=Path("repo/baselines"))
    assert elsewhere.root_of("git:main:x") == Path("repo/baselines")
    assert elsewhere.root_of("x") == elsewhere.baselines


def test_the_key_of_a_service_appears_in_no_text():
    assert "s3cr3t" not in repr(Service("http://h/v1", key="s3cr3t"))
