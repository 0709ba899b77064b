"""The schedule is a pure function of shape, caches and threads: no data, no machine."""

import ast
from pathlib import Path

import pytest

import bnfast
from bnfast._core import schedule

pytestmark = pytest.mark.once

MB = 2**20
BACKWARD = {"inputs": 2}
FAR = {"l3": 480 * MB}  # as slow as memory
INFERENCE = {"reduces": False}


def test_it_has_the_keys_that_type_checkers_are_told():
    stub = ast.parse((Path(bnfast.__file__).parent / "_core.pyi").read_text())
    told = next(node for node in stub.body if getattr(node, "name", None) == "_Schedule")
    assert list(schedule((1, 1, 1))) == [field.target.id for field in told.body]


def test_small_work_stays_in_one_thread():
    assert schedule((1, 64, 49), num_threads=8)["threads"] == 1
    assert schedule((32, 64, 3136), num_threads=8)["threads"] == 8


def test_threads_whose_parts_meet_often_need_more_work():
    few, many = (1, 512, 49), (32, 16, 49)
    assert schedule(few, num_threads=2)["threads"] == 2
    assert schedule(many, num_threads=2)["threads"] == 1
    assert schedule(many, "rows", num_threads=2, **BACKWARD)["threads"] == 2
    assert schedule((1280, 64, 49), num_threads=8)["threads"] == 8


def test_threads_share_channels_too_large_for_half_a_cache():
    assert not schedule((32, 256, 784), l2=1 * MB, **FAR)["shared"]
    assert schedule((32, 64, 12544), l2=1 * MB, **FAR)["shared"]
    assert schedule((32, 64, 12544), l2=1 * MB, **FAR, num_threads=1)["shared"] is False


def test_slabs_may_lie_in_a_last_cache_that_is_near():
    near = {"l2": MB // 2, "l3": 32 * MB}
    for shape in [(32, 64, 12544), (64, 64, 16384)]:  # slabs of 1.6 and 4 MB
        plan = schedule(shape, **near, num_threads=2)
        assert plan["interleaved"]
        assert not plan["shared"]
    too_large = schedule((65, 64, 16384), **near, num_threads=2)
    assert too_large["shared"]
    assert too_large["interleaved"]
    assert not schedule((65, 64, 16384), **near, num_threads=2, **BACKWARD)["interleaved"]


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_threads_share_channels_when_there_are_few(channels):
    assert schedule((1, channels, 512 * 512))["shared"]


def test_slabs_are_interleaved_only_where_two_fit_the_cache():
    fits = {"l2": 2 * MB, **FAR, "num_threads": 1}
    assert schedule((64, 64, 4096), **fits)["interleaved"]
    assert not schedule((65, 64, 4096), **fits)["interleaved"]
    assert not schedule((64, 64, 4096), **fits, **BACKWARD)["interleaved"]


def test_one_plane_in_the_nearest_cache_is_mapped_at_once():
    caches = {"l2": 2 * MB, **FAR, "num_threads": 2}
    assert not schedule((1, 128, 784), **caches)["interleaved"]
    assert schedule((1, 1024, 784), **caches)["interleaved"]
    assert schedule((2, 128, 784), **caches)["interleaved"]
    assert schedule((1, 128, 49), **caches)["interleaved"]


@pytest.mark.parametrize("shape", [(1, 512, 784), (8, 128, 784), (1, 3, 512 * 512)])
def test_what_lies_in_a_near_last_cache_is_mapped_at_once(shape):
    near = {"l2": MB, "l3": 32 * MB, "num_threads": 2}
    assert not schedule(shape, **near)["interleaved"]
    assert schedule(shape, **{**near, "l3": 4 * MB})["interleaved"]
    assert schedule((shape[0], shape[1], 127), **near)["interleaved"]


def test_planes_of_half_a_kb_are_mapped_at_once_where_a_third_of_it_holds_all():
    assert not schedule((8, 512, 128))["interleaved"]
    assert schedule((8, 512, 127))["interleaved"]
    assert schedule((8, 512, 128), **BACKWARD)["interleaved"]
    assert not schedule((32, 222, 196))["interleaved"]
    assert schedule((32, 223, 196))["interleaved"]


def test_with_a_small_l2_short_planes_in_a_near_cache_are_mapped_at_once():
    small = {"l2": MB // 2, "l3": 32 * MB}
    for work in [{}, BACKWARD]:
        assert not schedule((8, 512, 65), **small, **work)["interleaved"]
        assert schedule((8, 512, 65), l2=MB, l3=32 * MB, **work)["interleaved"]
        assert schedule((8, 512, 64), **small, **work)["interleaved"]  # a step of a run
        assert schedule((1, 512, 65), **small, **work)["interleaved"]  # of one image
    assert not schedule((32, 334, 196), **small)["interleaved"]
    assert schedule((32, 335, 196), **small)["interleaved"]  # more than half of the cache


def test_slabs_mapped_at_once_are_taken_together_as_l2_holds_them():
    near = {"l2": MB // 2, "l3": 32 * MB, "num_threads": 2}
    assert schedule((1, 512, 784), **near)["group"] == 16
    assert schedule((8, 128, 784), **near, **BACKWARD)["group"] == 10
    assert schedule((8, 24, 3136), **near)["group"] == 3
    assert schedule((8, 128, 784), **{**near, "l3": 4 * MB})["group"] == 1


def test_threads_that_share_a_slab_have_more_cache_for_it():
    shape = (128, 64, 4096)
    assert not schedule(shape, **FAR, num_threads=1)["interleaved"]
    assert schedule(shape, **FAR, num_threads=4)["interleaved"]


@pytest.mark.parametrize(
    ("inner", "group"), [(4096, 1), (784, 1), (196, 4), (160, 6), (49, 4), (9, 14)]
)
def test_short_planes_are_taken_together(inner, group):
    assert schedule((32, 256, inner), **FAR)["group"] == group


def test_in_a_near_cache_l2_holds_two_groups_of_short_planes_and_a_result():
    near = {"l2": MB, "l3": 32 * MB, "num_threads": 2}
    for shape, group in [((16, 1024, 49), 16), ((16, 256, 196), 12), ((64, 256, 49), 13)]:
        plan = schedule(shape, **near, **BACKWARD)
        assert plan["group"] == group
        assert plan["interleaved"]
    assert schedule((8, 1024, 49), **{**near, **FAR}, **BACKWARD)["group"] == 5


def test_streamed_planes_of_nearly_a_page_are_read_four_in_a_row_with_a_near_cache():
    near = {"l2": MB // 2, "l3": 32 * MB}
    for inner, group in [(196, 4), (767, 1), (768, 4), (784, 4), (1023, 4), (1024, 1)]:
        plan = schedule((64, 512, inner), **near)
        assert plan["streaming"]
        assert plan["group"] == group
    assert schedule((64, 512, 784), **{**near, **FAR})["group"] == 1


def test_of_several_arrays_that_the_near_cache_holds_in_good_part_planes_are_read_alone():
    near = {"l2": MB // 2, "l3": 32 * MB}
    for channels, inputs, group in [(128, 2, 1), (256, 2, 4), (192, 1, 4)]:
        plan = schedule((32, channels, 784), **near, inputs=inputs)
        assert plan["streaming"]
        assert plan["group"] == group


@pytest.mark.parametrize("inputs", [1, 2])
def test_streamed_short_planes_are_whole_lines(inputs):
    large = schedule((512, 2048, 49), inputs=inputs)
    assert large["streaming"]
    assert large["group"] * 49 * 4 % 64 == 0


@pytest.mark.parametrize(
    ("shape", "walk", "pieces"),
    [((32, 128, 784), "planes", 4), ((32 * 784, 128, 1), "rows", 2)],  # 12.25 MB each
)
def test_some_pieces_are_stored_where_a_near_cache_could_hold_a_map(shape, walk, pieces):
    def per_streamed(shape, **work):
        return schedule(shape, walk, **{**INFERENCE, **work})["pieces_per_streamed"]

    assert per_streamed(shape) == pieces
    assert per_streamed(shape, num_threads=1) == 1
    assert per_streamed(shape, in_place=True) == 1
    assert per_streamed(shape, inputs=2) == 1
    assert per_streamed(shape, reduces=True) == 1
    assert per_streamed(shape, images=True) == 1
    for l3 in (16 * MB, 40 * MB, 64 * MB):  # too small, nearly filled but not near, far
        assert per_streamed(shape, l3=l3) == 1


def test_rows_that_leave_no_room_in_a_near_cache_are_all_streamed():
    at_most, more = (1433, 8, 320), (1434, 8, 320)  # 28 MB in all
    assert schedule(at_most, "rows", **INFERENCE)["pieces_per_streamed"] == 2
    assert schedule(more, "rows", **INFERENCE)["pieces_per_streamed"] == 1
    assert schedule(more, **INFERENCE)["pieces_per_streamed"] == 4


def test_with_a_small_l2_rows_that_a_near_cache_could_hold_are_all_stored():
    at_most, more = (1433, 8, 320), (1434, 8, 320)
    small = {**INFERENCE, "l2": MB // 2}
    assert schedule(at_most, "rows", **small)["near"]
    assert schedule(more, "rows", **small)["streaming"]
    assert schedule(at_most, **small)["pieces_per_streamed"] == 4


def test_with_a_small_l2_the_map_reads_ahead():
    shape = (32, 256, 3136)
    assert schedule(shape, l2=MB - 1)["map_reads_ahead"]
    assert not schedule(shape, l2=MB)["map_reads_ahead"]


def test_a_map_that_mixes_no_stores_streams_as_late_as_ever():
    shape = (32, 128, 784)  # 24.5 MB in all
    assert schedule(shape, **INFERENCE)["streaming"]
    assert not schedule(shape, **INFERENCE, images=True)["streaming"]
    assert not schedule(shape, **INFERENCE, l3=20 * MB)["streaming"]


@pytest.mark.parametrize("walk", ["planes", "rows"])
def test_maps_are_stored_up_to_five_eighths_of_a_near_cache(walk):
    at_most, more = (1023, 8, 320), (1024, 8, 320)  # 20 MB in all
    assert schedule(at_most, walk, **INFERENCE)["near"]
    assert schedule(more, walk, **INFERENCE)["streaming"]
    assert schedule(at_most, walk, **INFERENCE, l3=24 * MB)["streaming"]
    assert not schedule((818, 8, 320), walk, **INFERENCE, l3=4 * MB)["streaming"]  # below 16 MB


def test_what_is_stored_in_place_takes_its_memory_once():
    in_place = {"in_place": True}
    for shape, walk in [((32, 128, 784), "planes"), ((32 * 784, 128, 1), "rows")]:  # 12.25 MB
        assert schedule(shape, walk)["streaming"]
        assert not schedule(shape, walk, **in_place)["streaming"]
    assert schedule((32, 3, 49), num_threads=8) == schedule((32, 3, 49), **in_place, num_threads=8)


@pytest.mark.parametrize("call", [{}, INFERENCE], ids=["training", "inference"])
def test_one_array_in_place_is_streamed_from_32_mb_on(call):
    for shape, walk in [((32, 128, 2047), "planes"), ((32 * 2047, 128, 1), "rows")]:
        assert schedule(shape, walk, **call, num_threads=1)["streaming"]
        in_place = {**call, "in_place": True, "num_threads": 1}
        assert not schedule(shape, walk, **in_place)["streaming"]
        assert schedule((shape[0] + 32, *shape[1:]), walk, **in_place)["streaming"]


def test_several_arrays_in_place_are_streamed_later_only_as_rows_that_threads_share():
    rows, planes = ((32 * 784, 128, 1), "rows"), ((32, 128, 784), "planes")  # 24.5 MB
    in_place = {**BACKWARD, "in_place": True}
    assert not schedule(*rows, **in_place, num_threads=2)["streaming"]
    assert schedule(*rows, **in_place, num_threads=1)["streaming"]
    assert schedule(*rows, **in_place, **INFERENCE, num_threads=2)["streaming"]
    assert schedule(*planes, **in_place, num_threads=2)["streaming"]


@pytest.mark.parametrize("walk", ["planes", "rows"])
def test_what_is_stored_goes_through_near_caches_or_others(walk):
    assert schedule((8, 64, 196), walk)["near"]
    assert schedule((8, 64, 196), walk, **INFERENCE)["near"]
    assert not schedule((8, 64, 196), walk, **FAR)["near"]
    streamed = schedule((512, 2048, 49), walk)
    assert streamed["streaming"]
    assert not streamed["near"]


def test_a_third_of_a_near_cache_holds_what_is_reduced_and_mapped():
    at_most, more = (32, 891, 49), (32, 892, 49)
    assert schedule(at_most)["held"]
    assert not schedule(more)["held"]
    assert not schedule(at_most, **BACKWARD)["held"]
    assert not schedule(at_most, **FAR)["held"]
    assert not schedule(at_most, "rows")["held"]


def test_small_slabs_are_taken_together():
    assert schedule((1, 2048, 49))["group"] == 16
    assert schedule((1, 2048, 49), num_threads=32)["group"] == 16
    assert schedule((1, 32, 49), num_threads=1)["group"] == 8
    assert not schedule((1, 64, 1024))["shared"]


def test_a_group_has_no_more_channels_than_there_are():
    assert schedule((4096, 13, 9), num_threads=1)["group"] <= 13


def test_outputs_bypass_the_caches_when_they_would_not_stay():
    shape = (32, 256, 784)  # 25.7 MB in, as much out
    assert schedule(shape, l3=32 * MB)["streaming"]
    assert not schedule(shape, l3=480 * MB)["streaming"]
    assert schedule(shape, "rows", l3=480 * MB)["streaming"]


def test_a_map_alone_streams_later():
    shape = (32, 64, 1200)  # 9.8 MB in, as much out
    for walk in ["planes", "rows"]:
        assert schedule(shape, walk)["streaming"]
        assert not schedule(shape, walk, **INFERENCE)["streaming"]
    residual = {**INFERENCE, "inputs": 2}
    assert not schedule(shape, **residual)["streaming"]
    assert schedule(shape, "rows", **residual)["streaming"]


def test_a_map_in_one_thread_streams_as_soon_as_what_reduces():
    for walk in ["planes", "rows"]:
        alone = {"walk": walk, **INFERENCE, "num_threads": 1}
        assert schedule((32, 64, 1568), **alone)["streaming"]  # 12.8 MB each
        assert not schedule((32, 64, 784), **alone)["streaming"]


def test_a_map_of_one_array_streams_what_a_large_cache_would_not_hold():
    shape = (32, 64, 3136)  # 25.7 MB each
    for walk in ("planes", "rows"):
        assert schedule(shape, walk, **INFERENCE)["streaming"]
        assert not schedule(shape, walk, **INFERENCE, l3=480 * MB)["streaming"]
        assert schedule(shape, walk, **INFERENCE, inputs=2, l3=480 * MB)["streaming"]


def test_short_planes_apart_are_not_streamed():
    assert not schedule((512, 2048, 49), end_to_end=False)["streaming"]


def test_it_counts_all_bytes():
    shape = (32, 64, 784)  # 6.4 MB each
    assert not schedule(shape)["streaming"]
    assert schedule(shape, **BACKWARD)["streaming"]
    assert schedule(shape, itemsize=8)["streaming"]


def test_what_writes_nothing_streams_nothing():
    assert not schedule((32, 2048, 49), outputs=0)["streaming"]
    assert not schedule((320, 2048, 49), outputs=0)["streaming"]


@pytest.mark.parametrize(("inner", "group"), [(49, 16), (784, 16), (3136, 5), (12544, 1)])
def test_what_is_only_read_is_read_64_kb_in_a_row(inner, group):
    assert schedule((32, 256, inner), outputs=0)["group"] == group


def test_empty_work_has_a_schedule():
    assert schedule((0, 3, 5))["threads"] == 1


def test_an_unknown_walk_is_refused():
    with pytest.raises(ValueError, match="walk must be 'planes' or 'rows', got 'columns'"):
        schedule((1, 2, 3), "columns")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shape": (1, 2)}, r"shape must have 3 sizes, got \(1, 2\)"),
        ({"shape": (1, -2, 3)}, "shape must be at least 0, got -2"),
        ({"inputs": 0}, "inputs must be at least 1, got 0"),
        ({"itemsize": 0}, "itemsize must be at least 1, got 0"),
    ],
)
def test_impossible_work_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        schedule(**{"shape": (4, 3, 5), **arguments})
