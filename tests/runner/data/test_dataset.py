"""What a data set promises: shapes, a digest that means its bytes, and splits that keep every class's share."""

import hashlib
from collections import Counter
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.data.dataset import DataError, Dataset, Images, stratified_split


def images(count: int, *, start: int = 0) -> Images:
    pixels = np.arange(start, start + count * 4, dtype=np.uint8).reshape(count, 1, 2, 2)
    return Images(pixels, np.arange(count, dtype=np.uint8) % 2)


def dataset(train: int = 10, test: int = 4) -> Dataset:
    return Dataset("tiny", images(train), images(test, start=100), classes=2, scale=1 / 255)


def test_length_is_the_number_of_images() -> None:
    assert len(images(7)) == 7


def test_take_keeps_the_order_of_the_indices() -> None:
    taken = images(3).take(np.array([2, 0]))
    assert taken.pixels.tolist() == [[[[8, 9], [10, 11]]], [[[0, 1], [2, 3]]]]
    assert taken.labels.tolist() == [0, 0]


def test_take_copies() -> None:
    whole = images(3)
    whole.take(np.array([0])).pixels[:] = 99
    assert whole.pixels[0, 0, 0, 0] == 0


def test_images_refuse_other_types_than_uint8() -> None:
    with pytest.raises(ValueError, match="uint8, got float32 and uint8"):
        Images(np.zeros((1, 1, 2, 2), np.float32), np.zeros(1, np.uint8))


@pytest.mark.parametrize(("pixels", "labels"), [((2, 28, 28), (2,)), ((2, 1, 4, 4), (3,)), ((2, 1, 4, 4), (2, 1))])
def test_images_refuse_shapes_that_do_not_fit(pixels: tuple[int, ...], labels: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"pixels are \(N, C, H, W\) and labels \(N,\), got"):
        Images(np.zeros(pixels, np.uint8), np.zeros(labels, np.uint8))


def test_data_set_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        dataset().name = "other"  # type: ignore[misc]


def test_digest_is_sha256_of_names_shapes_and_bytes_in_the_documented_order() -> None:
    train = Images(np.array([[[[1, 2]]], [[[3, 4]]]], np.uint8), np.array([0, 1], np.uint8))
    test = Images(np.array([[[[5, 6]]]], np.uint8), np.array([1], np.uint8))
    text = (
        b"train.pixels 2,1,1,2\n\x01\x02\x03\x04train.labels 2\n\x00\x01"
        b"test.pixels 1,1,1,2\n\x05\x06test.labels 1\n\x01"
    )
    data = Dataset("tiny", train, test, classes=2, scale=1.0)
    assert data.digest() == hashlib.sha256(text).hexdigest()
    text += b"validation.pixels 1,1,1,2\n\x05\x06validation.labels 1\n\x01"
    assert replace(data, validation=test).digest() == hashlib.sha256(text).hexdigest()


def test_digest_does_not_depend_on_how_the_arrays_lie_in_memory() -> None:
    data = dataset()
    turned = Images(np.asfortranarray(data.train.pixels), data.train.labels)
    assert replace(data, train=turned).digest() == data.digest()


def test_digest_changes_with_any_pixel() -> None:
    data = dataset()
    before = data.digest()
    data.test.pixels[-1, 0, 1, 1] ^= 1
    assert data.digest() != before


def test_no_validation_is_the_same_object() -> None:
    data = dataset()
    assert data.with_validation(0) is data


def test_validation_is_taken_out_of_training() -> None:
    data = dataset(train=10)
    split = data.with_validation(0.2)
    assert split.validation is not None
    assert (len(split.train), len(split.validation)) == (8, 2)
    assert split.validation.labels.tolist().count(0) == 1
    firsts = [*split.train.pixels[:, 0, 0, 0].tolist(), *split.validation.pixels[:, 0, 0, 0].tolist()]
    assert sorted(firsts) == list(range(0, 40, 4))
    assert split.test is data.test


@pytest.mark.parametrize("fraction", [-0.1, 1, 1.5, float("nan")])
def test_validation_fraction_outside_its_range_is_refused(fraction: float) -> None:
    with pytest.raises(ValueError, match=rf"validation_fraction must lie in \[0, 1\), got {fraction}"):
        dataset().with_validation(fraction)


@pytest.mark.parametrize("fraction", [0.01, 0.99])
def test_validation_fraction_that_empties_a_part_is_refused(fraction: float) -> None:
    with pytest.raises(DataError, match=f"validation_fraction={fraction} moves .* of the 10 .* of tiny"):
        dataset(train=10).with_validation(fraction)


def test_validation_images_are_not_moved_twice() -> None:
    with pytest.raises(ValueError, match="tiny has 2 validation images already"):
        dataset().with_validation(0.2).with_validation(0.2)


@settings(deadline=None, max_examples=50)  # a busy machine is no fault of the split's
@given(
    counts=st.lists(st.integers(min_value=0, max_value=40), min_size=1, max_size=6),
    share=st.fractions(min_value=0, max_value=1),
)
def test_split_is_exact_in_size_and_within_one_image_a_class(counts: list[int], share: object) -> None:
    labels = np.repeat(np.arange(len(counts), dtype=np.uint8), counts)
    second = int(share * len(labels))  # type: ignore[operator]
    first_part, second_part = stratified_split(labels, second)
    assert len(second_part) == second
    assert sorted([*first_part.tolist(), *second_part.tolist()]) == list(range(len(labels)))
    found = Counter(labels[second_part].tolist())
    for label, count in enumerate(counts):
        assert abs(found[label] * len(labels) - count * second) < max(len(labels), 1)


def test_equal_classes_are_shared_equally() -> None:
    labels = np.repeat(np.arange(10, dtype=np.uint8), 50)
    first, second = stratified_split(labels, 100)
    assert Counter(labels[second].tolist()) == dict.fromkeys(range(10), 10)
    assert Counter(labels[first].tolist()) == dict.fromkeys(range(10), 40)


def test_both_parts_are_shuffled_from_their_first_image_to_their_last() -> None:
    labels = np.repeat(np.arange(10, dtype=np.uint8), 500)
    for part in stratified_split(labels, 1000):
        assert len(set(labels[part[:50]].tolist())) > 8
        assert len(set(labels[part[-50:]].tolist())) > 8


def test_split_never_changes() -> None:
    first, second = stratified_split(np.array([0, 1, 2] * 4, np.uint8), 3)
    assert first.tolist() == [7, 1, 8, 10, 5, 3, 9, 6, 11]
    assert second.tolist() == [0, 2, 4]


@pytest.mark.parametrize("second", [-1, 4])
def test_split_of_impossible_size_is_refused(second: int) -> None:
    with pytest.raises(ValueError, match=rf"second must lie in \[0, 3\], got {second}"):
        stratified_split(np.zeros(3, np.uint8), second)
