"""What each part of the slow suite may take, and what it took: `make test-slow` prints the table at its end.

Minutes of one worker, of which two run side by side: the sum is about twice the minutes that people wait.
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple


class Part(NamedTuple):
    """Files of slow tests that buy the same thing."""

    name: str
    minutes: float  # of one worker
    files: tuple[str, ...]  # below tests/


PARTS = (
    Part(
        "first ten minutes",  # what a newcomer runs
        20,
        (
            "test_three_uses.py",
            "test_wheel.py",
            "test_architecture.py",
            "entityclip/contract/test_amx.py",
            "entityclip/contract/test_torchvision_cpu.py",
            "entityclip/test_public_names.py",
            "flows/cli/test_check_command.py",
            "flows/cli/test_import_explanations_command.py",
            "flows/cli/test_init_command.py",
            "flows/cli/test_inspect_command.py",
            "flows/cli/test_mistakes.py",
            "flows/cli/test_search_command.py",
            "flows/cli/test_stages.py",
            "flows/cli/test_train_command.py",
            "flows/test_demo.py",
            "flows/test_one_account.py",
            "flows/test_documented_commands.py",
            "flows/test_readme_prefect.py",
            "flows/test_reproduce.py",
            "flows/test_vllm_generation.py",
            "model/clip/test_open_clip_import.py",
            "model/exporting/test_export.py",
            "model/exporting/test_model_card.py",
        ),
    ),
    Part(
        "faults",  # kills, signals, hostile input, known truths, damaged files
        37,
        (
            "benchmarks/ablation/test_side_by_side.py",
            "flows/cli/test_damaged_files.py",
            "flows/cli/test_main.py",
            "flows/cli/test_stop_training.py",
            "flows/orchestration/test_workers.py",
            "flows/test_vllm_killed.py",
            "fuzz/test_damage.py",
            "fuzz/test_truth.py",
            "model/data/test_loader.py",
            "model/data/test_workers.py",
            "model/launch/test_evaluate.py",
            "model/launch/test_train.py",
            "model/training/test_random_generators.py",
            "model/training/test_resume.py",
            "pipeline/engines/vllm/test_hostile_servers.py",
            "pipeline/files/test_storage.py",
            "pipeline/generation/test_crash.py",
            "pipeline/prompts/test_template_fuzz.py",
            "pipeline/test_hostile_input.py",
        ),
    ),
    Part(
        "evidence",  # what the claims of docs rest on
        8,
        (
            "benchmarks/ablation/test_ablation.py",
            "benchmarks/demo_models/test_demo_data_is_apart.py",
            "benchmarks/demo_models/test_demo_models_rebuild.py",
            "benchmarks/explained_search/test_explained_search.py",
            "benchmarks/test_costs.py",
            "benchmarks/test_shortcuts.py",
            "model/distributed/test_collectives.py",
            "model/evaluation/test_embed.py",
            "model/evaluation/test_explained.py",
            "model/search/test_ways.py",
            "model/training/test_estimate.py",
            "model/training/test_prepare_model.py",
        ),
    ),
    Part(
        "size and speed",  # memory over many rows, benchmarks that run
        12,
        (
            "benchmarks/test_batch_memory.py",
            "benchmarks/test_checking.py",
            "benchmarks/test_generation.py",
            "benchmarks/test_inspection.py",
            "benchmarks/test_data_loading.py",
            "benchmarks/test_data_start.py",
            "benchmarks/test_pipeline_rate.py",
            "benchmarks/test_prefect_overhead.py",
            "benchmarks/test_training_step.py",
            "model/evaluation/test_retrieval_memory.py",
            "pipeline/checking/test_check.py",
            "pipeline/readers/test_news_memory.py",
            "pipeline/readers/test_own_memory.py",
        ),
    ),
    Part(
        "pages",
        3,
        (
            "flows/browser/test_explained_retrieval.py",
            "flows/browser/test_million_rows.py",
            "model/report/test_page.py",
            "model/report/test_write.py",
        ),
    ),
    Part("ecosystem", 2, ("model/tracking/test_real_trackers.py",)),
)
PART_OF = {f"tests/{file}": part for part in PARTS for file in part.files}


def table(seconds: Iterable[tuple[str, float]]) -> list[str]:
    """Return a line a part: what its tests took, and may take.

    Args:
        seconds: of each test's setup, call and teardown, with its node id.
    """
    spent = Counter[str]()
    for node, duration in seconds:
        if part := PART_OF.get(node.partition("::")[0]):
            spent[part.name] += duration
    lines = [f"{'part':<18} {'took':>9} {'budget':>9}  (minutes of one worker)"]
    for part in PARTS:
        took = spent[part.name] / 60
        over = "  over its budget" if took > part.minutes else ""
        lines.append(f"{part.name:<18} {took:>9.1f} {part.minutes:>9.1f}{over}")
    total = sum(spent.values()) / 60
    return [*lines, f"{'all':<18} {total:>9.1f} {sum(part.minutes for part in PARTS):>9.1f}"]
