"""Types for flow parameters, with bounds that Prefect's server checks before a run starts.

Parameters are flat so that `prefect deployment run ... --param limit=200` can set them. The form in Prefect's UI shows
the bounds, and the description of each parameter from the flow's docstring.
"""

from typing import Annotated

from pydantic import Field

from pipeline.generation.redo import REDOABLE

_STATUSES = "|".join(status.value for status in REDOABLE)

Positive = Annotated[int, Field(ge=1)]
Bucket = Annotated[int, Field(ge=0)]
Ranges = Annotated[int, Field(ge=1, le=1000)]
RedoStatuses = Annotated[str, Field(pattern=rf"^({_STATUSES})(\s*,\s*({_STATUSES}))*$")]
Override = Annotated[str, Field(pattern=r"^[^=\s]+\s*=.*$")]
