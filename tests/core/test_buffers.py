"""The pool of arrays: handed out again exactly when nobody else refers to them."""

import threading
import tracemalloc

import numpy as np
import numpy.typing as npt
import pytest

from cnn_core import Buffers
from tests.core.arrays import Array


def taken(buffers: Buffers, shape: tuple[int, ...] = (2, 3), dtype: npt.DTypeLike = np.float32) -> int:
    """Take an array, let it go, and return where it was."""
    return int(buffers.empty(shape, dtype).ctypes.data)


def test_array_has_the_shape_and_dtype_asked_for() -> None:
    array = Buffers().empty((4, 5), np.float32)
    assert (array.shape, array.dtype) == ((4, 5), np.dtype(np.float32))
    assert array.flags.c_contiguous


def test_array_that_nobody_holds_is_handed_out_again() -> None:
    buffers = Buffers()
    first = taken(buffers)
    assert {taken(buffers) for _ in range(10)} == {first}


def test_array_that_somebody_holds_is_not() -> None:
    buffers = Buffers()
    held = buffers.empty((2, 3), np.float32)
    assert not np.shares_memory(buffers.empty((2, 3), np.float32), held)


@pytest.mark.parametrize("view", ["slice", "transpose", "reshape", "view of a view", "strided", "memoryview"])
def test_array_of_which_somebody_holds_a_view_is_not(view: str) -> None:
    buffers = Buffers()
    array = buffers.empty((2, 3), np.float32)
    address = array.ctypes.data
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
    assert taken(buffers) != address
    del held
    assert taken(buffers) == address


def test_memory_serves_every_shape_and_dtype_of_its_size() -> None:
    buffers = Buffers()
    first = taken(buffers)
    assert taken(buffers, shape=(3, 2)) == taken(buffers, shape=(6,)) == taken(buffers, dtype=np.int32) == first
    assert taken(buffers, shape=(24,), dtype=np.bool_) == taken(buffers, shape=(3,), dtype=np.float64) == first


def test_array_is_laid_into_the_smallest_free_block_that_it_fits_in() -> None:
    buffers = Buffers()
    held = [buffers.empty((size,), np.uint8) for size in (2000, 1500, 1200, 1000)]
    addresses = [array.ctypes.data for array in held]
    held.clear()
    array = buffers.empty((1100,), np.uint8)
    assert array.ctypes.data == addresses[2]
    assert taken(buffers, shape=(1100,), dtype=np.uint8) == addresses[1]


@pytest.mark.parametrize(("size", "serves"), [(1000, True), (999, False)])
def test_block_serves_arrays_of_half_its_size_at_least(size: int, serves: bool) -> None:
    buffers = Buffers()
    address = taken(buffers, shape=(2000,), dtype=np.uint8)
    assert (taken(buffers, shape=(size,), dtype=np.uint8) == address) == serves


def test_block_is_never_too_small() -> None:
    buffers = Buffers()
    small = taken(buffers, shape=(1000,), dtype=np.uint8)
    assert taken(buffers, shape=(1001,), dtype=np.uint8) != small


def test_arrays_held_at_once_never_overlap() -> None:
    buffers = Buffers()
    shapes_and_dtypes = [
        ((2, 3), "float32"),
        ((3, 2), "float32"),
        ((2, 3), "float64"),
        ((6,), "int32"),
        ((0,), "bool"),
    ]
    arrays = [buffers.empty(shape, dtype) for shape, dtype in 2 * shapes_and_dtypes]
    assert [(a.shape, a.dtype.name) for a in arrays] == 2 * shapes_and_dtypes
    assert not any(np.shares_memory(a, b) for i, a in enumerate(arrays) for b in arrays[:i])


def test_arrays_begin_where_a_cache_line_does() -> None:
    buffers = Buffers()
    held = [buffers.empty((size,), np.float32) for size in range(1, 20)]
    assert {array.ctypes.data % 64 for array in held} == {0}


def test_dtype_may_be_named_in_any_way() -> None:
    buffers = Buffers()
    assert taken(buffers, dtype="f4") == taken(buffers, dtype=np.dtype(np.float32)) == taken(buffers, dtype=np.float32)


def test_pools_are_independent() -> None:
    first, second = Buffers(), Buffers()
    held = first.empty((2, 3), np.float32)
    assert not np.shares_memory(second.empty((2, 3), np.float32), held)


def test_no_more_than_some_blocks_of_a_size_are_kept() -> None:
    buffers = Buffers()
    size = 2**16
    held = [buffers.empty((size,), np.uint8) for _ in range(200)]
    assert len({array.ctypes.data for array in held}) == 200
    tracemalloc.start()
    held += [buffers.empty((size,), np.uint8) for _ in range(200)]
    held.clear()
    left, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert left < size


def test_threads_never_share_an_array() -> None:
    buffers, barrier, torn = Buffers(), threading.Barrier(4), []

    def work(number: int) -> None:
        barrier.wait(timeout=60)
        for _ in range(300):
            array = buffers.empty((50,), np.float64)
            array[...] = number
            if not (array == number).all():
                torn.append(number)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert torn == []
