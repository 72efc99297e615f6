"""Times `LLM.generate` on prompts of token ids, in vLLM's own environment. Started by benchmarks/generation.py.

    python vllm_raw.py PROMPTS.json ENGINE_ARGUMENT...

PROMPTS.json: {"prompts": [[id, ...], ...], "max_tokens": N, "rounds": R, "out": path}. Times are written to `out`.
"""

import json
import sys
import time
from pathlib import Path


def main() -> None:
    """Load the engine, then time each round, after clearing the prefix cache."""
    from vllm import LLM, SamplingParams
    from vllm.engine.arg_utils import EngineArgs
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    given = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    arguments = EngineArgs.add_cli_args(FlexibleArgumentParser()).parse_args(sys.argv[2:])
    llm = LLM(**vars(EngineArgs.from_cli_args(arguments)))
    sampling = SamplingParams(temperature=0, max_tokens=given["max_tokens"])
    prompts = [{"prompt_token_ids": ids} for ids in given["prompts"]]
    rounds = []
    for _ in range(given["rounds"]):
        llm.reset_prefix_cache()
        start = time.monotonic()
        llm.generate(prompts, sampling, use_tqdm=False)
        rounds.append(time.monotonic() - start)
    Path(given["out"]).write_text(json.dumps({"rounds": rounds}), encoding="utf-8")


if __name__ == "__main__":
    main()
