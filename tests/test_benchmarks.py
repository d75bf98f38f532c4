"""The parts of the benches that measure nothing: statistics, comparisons, and the tables."""

from pathlib import Path

import pytest

import page
import runner
from figures import Figure, Run, complaints, load, ratios, replaced, save, shown


PERFORMANCE = Path(__file__).parent.parent / "docs" / "performance.md"
MACHINE = {
    "date": "2026-01-02",
    "python": "3.11.7",
    "cpu": "Example CPU",
    "cpus": 2,
    "system": "Linux",
    "load": 0.1,
    "versions": {"attrs": "26.1.0"},
}


def run_of(*figures: Figure, bench: str = "hit") -> Run:
    return Run(MACHINE, {bench: list(figures)})


def test_a_figure_has_the_median_and_the_quartiles() -> None:
    assert Figure.of("cost", [5, 1, 3, 2, 4]) == Figure("cost", 3, 2, 4)


def test_a_single_measurement_has_no_spread() -> None:
    figure = Figure.of("size", [1582], "bytes")

    assert (figure.median, figure.spread) == (1582, 0)


def test_a_ratio_compares_the_measurements_of_the_same_round() -> None:
    # The machine became three times slower after the first round.
    rounds = [{"ours": 2.0, "base": 1.0}, {"ours": 6.0, "base": 3.0}]

    assert ratios(rounds, "ours", "base") == Figure("ours / base", 2, 2, 2)


@pytest.mark.parametrize(
    ("median", "is_above"), [(0.5, False), (0.51, True)], ids=["at the bar", "above"]
)
def test_a_figure_is_above_its_bar_only_if_it_exceeds_it(median: float, is_above: bool) -> None:
    assert Figure("hit", median, median, median, bar=0.5).is_above_its_bar is is_above


@pytest.mark.parametrize(
    ("measured", "is_worse"),
    [
        (Figure("hit", 2.2, 2.2, 2.2), False),  # within the published spread
        (Figure("hit", 2.3, 2.3, 2.3), True),
        (Figure("hit", 2.3, 2.0, 2.5), False),  # within its own spread
        (Figure("hit", 1.0, 1.0, 1.0), False),  # better
    ],
)
def test_a_figure_is_worse_if_it_exceeds_the_published_one_by_more_than_the_spread(
    measured: Figure, is_worse: bool
) -> None:
    published = Figure("hit", 2.0, 1.9, 2.1)

    assert measured.is_worse_than(published) is is_worse


def test_what_another_library_costs_is_never_worse() -> None:
    published = Figure("botocore", 2.0, 1.9, 2.1, compared=False)

    assert not Figure("botocore", 9.0, 8.9, 9.1, compared=False).is_worse_than(published)


def test_a_difference_that_the_documentation_does_not_show_is_not_worse() -> None:
    published = Figure.of("size", [600], "bytes")

    assert not Figure.of("size", [601], "bytes").is_worse_than(published)
    assert Figure.of("size", [613], "bytes").is_worse_than(published)


def test_the_check_names_what_is_above_its_bar_and_what_became_worse() -> None:
    published = run_of(Figure("a", 2, 1.9, 2.1), Figure("b", 2, 1.9, 2.1))
    measured = run_of(
        Figure("a", 3, 2.9, 3.1),
        Figure("b", 2, 1.9, 2.1),
        Figure("new", 0.6, 0.5, 0.7, bar=0.5),
    )

    assert complaints(measured, published) == [
        "hit: a: 3.00 x, the documentation says 2.00",
        "hit: new: 0.60 x, at most 0.50 are promised",
    ]


def test_without_published_figures_the_check_knows_the_bars_only() -> None:
    measured = run_of(Figure("a", 3, 2.9, 3.1), Figure("b", 3, 2.9, 3.1, bar=2))

    assert complaints(measured, None) == ["hit: b: 3.00 x, at most 2.00 are promised"]


def test_figures_survive_the_way_to_a_file_sorted_by_version(tmp_path: Path) -> None:
    runs = {"3.13": run_of(Figure("a", 1, 1, 1)), "3.9": run_of(Figure("b", 2, 1, 3, "ms", 4))}
    save(tmp_path / "figures.json", runs)

    assert load(tmp_path / "figures.json") == runs
    assert [*load(tmp_path / "figures.json")] == ["3.9", "3.13"]


def test_a_run_keeps_the_benches_of_an_earlier_one_and_says_that_some_had_fewer_rounds() -> None:
    quick = Run({**MACHINE, "quick": True}, {"hit": [Figure("hit", 1, 1, 1)], "miss": []})
    slow = Run({**MACHINE, "quick": False}, {"hit": [Figure("hit", 2, 2, 2)]})

    both = slow.after(quick)

    assert both.figures == {"hit": [Figure("hit", 2, 2, 2)], "miss": []}
    assert both.machine["quick"]
    assert not Run(slow.machine, quick.figures).after(quick).machine["quick"]


def test_a_file_that_does_not_exist_has_no_figures(tmp_path: Path) -> None:
    assert load(tmp_path / "figures.json") == {}


@pytest.mark.parametrize(
    ("value", "text"), [(0.496, "0.50"), (12.34, "12.3"), (1582.4, "1,582"), (0, "0.00")]
)
def test_a_number_is_shown_with_the_digits_that_mean_something(value: float, text: str) -> None:
    assert shown(value) == text


def test_a_printed_figure_above_its_bar_is_marked() -> None:
    assert "ABOVE" in str(Figure("hit", 2.5, 2.4, 2.6, bar=2))
    assert "ABOVE" not in str(Figure("hit", 1.5, 1.4, 1.6, bar=2))


def test_only_the_generated_blocks_of_a_page_are_replaced() -> None:
    page_before = "Prose.\n\n<!-- bench: hit -->\n\nold\n\n<!-- end -->\n\nMore prose.\n"

    assert replaced(page_before, {"hit": "new"}) == page_before.replace("old", "new")


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("<!-- bench: hit -->\nno end", {"hit": "new"}),
        ("<!-- bench: other -->\n<!-- end -->", {"hit": "new"}),
        ("no block", {"hit": "new"}),
    ],
    ids=["without an end", "unknown", "missing"],
)
def test_a_page_with_other_blocks_than_there_are_texts_is_refused(
    text: str, blocks: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match="The page has"):
        replaced(text, blocks)


def complete(bench: str, median: float) -> Run:
    """Return a run with every figure of a bench that the page shows."""
    names = (
        name for of, rows in page.TABLES.values() if of == bench for name in rows.values() if name
    )
    return run_of(*(Figure(name, median, median, median) for name in names), bench=bench)


def test_the_page_has_a_block_for_every_table() -> None:
    new = replaced(PERFORMANCE.read_text(), page.blocks({"3.11": complete("hit", 1.9)}))

    assert '| `session.get_token("user")` | 1.90 |' in new
    assert "- Python 3.11 (3.11.7): 2026-01-02, 2 CPUs of Example CPU, Linux" in new


def test_the_drawings_get_the_figures_of_the_oldest_python() -> None:
    (name, figures), *others = page.drawn(
        {"3.11": complete("hit", 1.94), "3.13": complete("hit", 1)}
    )

    assert (name, others) == ("hit", [])
    assert figures["session.get_token"] == 1.9
    assert figures["floor"] == 1.0


def test_a_table_has_a_column_for_each_python_and_no_figure_where_none_was_measured() -> None:
    runs = {"3.11": complete("fetch", 0.94), "3.13": Run(MACHINE, {})}

    assert page.blocks(runs)["fetch"].splitlines()[:4] == [
        "|  | CPython 3.11 | CPython 3.13 |",
        "| --- | --- | --- |",
        '| `boto3.client("cognito-identity")`, called directly | 1 | 1 |',
        "| `DevTokenClient().fetch(TokenRequest(…))` | 0.94 |  |",
    ]


def test_a_new_figure_is_missing_where_its_bench_was_only_run_before() -> None:
    new = complete("hit", 1.9)
    old = Run(MACHINE, {"hit": [each for each in new.figures["hit"] if "floor" not in each.name]})

    lines = page.blocks({"3.11": new, "3.13": old})["hit"].splitlines()

    assert "| the steps of the floor in a plain loop, without a call | 1.90 |  |" in lines


def test_a_table_that_needs_a_figure_that_no_bench_has_is_refused() -> None:
    runs = {"3.11": run_of(Figure("another", 1, 1, 1), bench="fetch")}

    with pytest.raises(ValueError, match="bench_fetch has no figure 'DevTokenClient"):
        page.blocks(runs)


def test_contenders_take_turns_after_a_round_to_warm_up() -> None:
    calls: list[str] = []

    def contender(name: str) -> float:
        calls.append(name)
        return len(calls)

    rounds = runner.interleaved({"a": lambda: contender("a"), "b": lambda: contender("b")}, 2)

    assert calls == ["a", "b"] * 3
    assert rounds == [{"a": 3, "b": 4}, {"a": 5, "b": 6}]


def test_a_loaded_machine_is_refused_unless_the_user_allows_it() -> None:
    with pytest.raises(runner.LoadedError, match="Other programs use 50% of the CPU"):
        runner.refuse_if_loaded(0.5, loaded=False)
    runner.refuse_if_loaded(0.5, loaded=True)
    runner.refuse_if_loaded(0.05, loaded=False)


def test_only_what_other_programs_used_meanwhile_counts_as_load() -> None:
    before = runner.CpuTime(used=100, unused=200, own=10)
    now = runner.CpuTime(used=108, unused=202, own=15)

    assert now.share_of_others(before) == pytest.approx(0.3)
    # A process that has ended only just may be counted by one side and not by the other.
    assert before._replace(own=12).share_of_others(before) == 0


def test_a_quick_run_makes_a_tenth_of_the_rounds_but_at_least_three(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(runner.QUICK, raising=False)
    assert runner.scaled(60) == 60

    monkeypatch.setenv(runner.QUICK, "1")
    assert (runner.scaled(60), runner.scaled(5)) == (6, 3)


def test_the_page_says_so_if_its_figures_are_from_a_quick_run() -> None:
    runs = {"3.11": Run({**MACHINE, "quick": True}, {})}

    assert "load 0.1, some with a tenth of the rounds; attrs 26.1.0" in page.blocks(runs)["machine"]
