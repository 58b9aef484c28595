"""The pool of arrays: handed out again exactly when nobody else refers to them."""

import threading

import numpy as np
import numpy.typing as npt
import pytest

from cnn_core import Buffers
from tests.core.arrays import Array


def taken(buffers: Buffers, role: str = "y", shape: tuple[int, ...] = (2, 3), dtype: npt.DTypeLike = np.float32) -> int:
    """Take an array, let it go, and return which it was."""
    return id(buffers.empty(role, shape, dtype))


def test_array_has_the_shape_and_dtype_asked_for() -> None:
    array = Buffers().empty("y", (4, 5), np.float32)
    assert (array.shape, array.dtype) == ((4, 5), np.dtype(np.float32))
    assert array.flags.c_contiguous


def test_array_that_nobody_holds_is_handed_out_again() -> None:
    buffers = Buffers()
    first = taken(buffers)
    assert {taken(buffers) for _ in range(10)} == {first}


def test_array_that_somebody_holds_is_not() -> None:
    buffers = Buffers()
    held = buffers.empty("y", (2, 3), np.float32)
    assert buffers.empty("y", (2, 3), np.float32) is not held


@pytest.mark.parametrize("view", ["slice", "transpose", "reshape", "view of a view", "strided", "memoryview"])
def test_array_of_which_somebody_holds_a_view_is_not(view: str) -> None:
    buffers = Buffers()
    array = buffers.empty("y", (2, 3), np.float32)
    identity = id(array)
    held: Array | memoryview
    match view:
        case "slice":
            held = array[1:]
        case "transpose":
            held = array.T
        case "reshape":
            held = array.reshape(6)
        case "view of a view":
            held = array.T[1:].reshape(-1)[:1] if array.T[1:].base is None else array.T[1:][:, 1:]
        case "strided":
            held = np.lib.stride_tricks.as_strided(array, (2,), (4,))
        case _:
            held = array.data
    del array
    assert id(buffers.empty("y", (2, 3), np.float32)) != identity
    del held
    assert id(buffers.empty("y", (2, 3), np.float32)) == identity


def test_roles_shapes_and_dtypes_are_told_apart() -> None:
    buffers = Buffers()
    taken(buffers)
    arrays = [
        buffers.empty("y", (2, 3), np.float32),
        buffers.empty("dx", (2, 3), np.float32),
        buffers.empty("y", (3, 2), np.float32),
        buffers.empty("y", (6,), np.float32),
        buffers.empty("y", (2, 3), np.float64),
        buffers.empty("y", (2, 3), np.int32),
    ]
    assert [(a.shape, a.dtype.name) for a in arrays] == [
        ((2, 3), "float32"),
        ((2, 3), "float32"),
        ((3, 2), "float32"),
        ((6,), "float32"),
        ((2, 3), "float64"),
        ((2, 3), "int32"),
    ]
    assert not any(np.shares_memory(a, b) for i, a in enumerate(arrays) for b in arrays[:i])


def test_dtype_may_be_named_in_any_way() -> None:
    buffers = Buffers()
    assert taken(buffers, dtype="f4") == taken(buffers, dtype=np.dtype(np.float32)) == taken(buffers, dtype=np.float32)


def test_pools_are_independent() -> None:
    first, second = Buffers(), Buffers()
    held = first.empty("y", (2, 3), np.float32)
    assert second.empty("y", (2, 3), np.float32) is not held


def test_zeros_are_zero_at_first_and_hold_what_was_written_later() -> None:
    buffers = Buffers()
    array = buffers.zeros("padded", (3, 3), np.float64)
    assert not array.any()
    array[1, 1] = 5
    del array
    again = buffers.zeros("padded", (3, 3), np.float64)
    assert again.tolist() == [[0, 0, 0], [0, 5, 0], [0, 0, 0]]
    fresh = buffers.zeros("padded", (3, 3), np.float64)  # the other is held
    assert not fresh.any()


def test_no_more_than_a_few_arrays_of_a_shape_are_kept() -> None:
    buffers = Buffers()
    held = [buffers.empty("y", (2, 3), np.float32) for _ in range(20)]
    identities = {id(array) for array in held}
    assert len(identities) == 20
    held.clear()
    held = [buffers.empty("y", (2, 3), np.float32) for _ in range(20)]
    kept = np.array([array.ctypes.data for array in held])
    held.clear()
    again = [buffers.empty("y", (2, 3), np.float32) for _ in range(4)]
    assert [array.ctypes.data for array in again] == kept[:4].tolist()


def test_threads_never_share_an_array() -> None:
    buffers, barrier, torn = Buffers(), threading.Barrier(4), []

    def work(number: int) -> None:
        barrier.wait(timeout=10)
        for _ in range(300):
            array = buffers.empty("columns", (50,), np.float64)
            array[...] = number
            if not (array == number).all():
                torn.append(number)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert torn == []
