import torch
from hypothesis import given, strategies as st

from model.evaluation.clusters import Groups, cluster_labels


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=30))
def test_clusters_are_what_walking_from_pair_to_pair_reaches(pairs: list[tuple[int, int]]) -> None:
    image, caption = (torch.tensor(numbers) for numbers in zip(*pairs, strict=True))
    found = cluster_labels(Groups(image=image, caption=caption)).tolist()
    for start in range(len(pairs)):
        reached, frontier = {start}, [start]
        while frontier:
            here = pairs[frontier.pop()]
            near = {i for i, (a, b) in enumerate(pairs) if a == here[0] or b == here[1]} - reached
            reached |= near
            frontier.extend(near)
        assert {i for i, label in enumerate(found) if label == found[start]} == reached
    assert sorted(set(found)) == list(range(max(found) + 1))


def test_a_long_chain_is_one_cluster() -> None:
    count = 3000
    steps = torch.arange(count)
    groups = Groups(image=steps // 2, caption=(steps + 1) // 2)
    assert cluster_labels(groups).tolist() == [0] * count
