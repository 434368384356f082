"""Sizes and learning rates of a training."""

import pytest

from ml.training.schedule import Phase, Schedule, parse_sizes


def test_sizes_are_read_in_order():
    assert parse_sizes("48x2, 80x1") == (Phase(48, 2), Phase(80, 1))


@pytest.mark.parametrize("text", ["", "48", "48x", "x2", "48x0", "16x1", "48x2;64x1", "-48x2"])
def test_other_forms_are_refused_with_an_example(text):
    with pytest.raises(ValueError, match="64x3"):
        parse_sizes(text)


def test_a_phase_may_mix_sizes_and_is_evaluated_at_the_largest():
    schedule = Schedule(parse_sizes("48x1,72-100x2"), steps=10)
    assert (schedule.sizes_of(0), schedule.sizes_of(2)) == ((48,), (76, 84, 92, 100))
    assert (schedule.size_of(2), schedule.epochs) == (100, 3)


def test_an_epoch_has_the_size_of_its_phase():
    schedule = Schedule(parse_sizes("48x2,80x1"), steps=10)
    assert [schedule.size_of(epoch) for epoch in range(3)] == [48, 48, 80]
    assert schedule.epochs == 3


def test_the_rate_is_the_heads_then_warms_up_then_falls_to_a_hundredth():
    schedule = Schedule((Phase(64, 10),), steps=100, frozen_steps=50, learning_rate=1.0, head_learning_rate=7.0,
                        warmup_steps=20)  # fmt: skip
    assert schedule.rate_at(49) == 7.0
    assert schedule.rate_at(50) == pytest.approx(1 / 20)
    assert schedule.rate_at(69) == 1.0
    rates = [schedule.rate_at(step) for step in range(70, 1000)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == pytest.approx(0.01, abs=1e-4)


def test_patience_counts_epochs_at_the_last_size_alone():
    schedule = Schedule(parse_sizes("48x4,80x5"), steps=10)
    assert not schedule.is_over(4, best=0, patience=2), "three worse epochs, but at a smaller size"
    assert not schedule.is_over(6, best=4, patience=2)
    assert schedule.is_over(7, best=4, patience=2)
    assert not schedule.is_over(7, best=5, patience=2)
    assert not schedule.is_over(7, best=4, patience=0)
    assert schedule.is_over(9, best=8, patience=0)


def test_without_a_best_epoch_nothing_is_over_before_its_end():
    assert not Schedule(parse_sizes("80x3"), steps=10).is_over(2, best=None, patience=1)


def test_what_is_left_counts_pixels():
    schedule = Schedule(parse_sizes("32x1,64x1"), steps=10)
    assert schedule.cost_left(0, 5) == 5 * 32**2 + 10 * 64**2
    assert schedule.cost_left(1, 10) == 0
