"""The package's functions for programs without an event loop.

Each takes the parameters of its asynchronous form, raises the same errors, and returns when that
has ended.
"""

from orchestrator.api.async_functions import (
    get_job_async,
    jobs_async,
    render_async,
    still_async,
    submit_async,
)
from orchestrator.api.blocking import blocking
from orchestrator.api.job_handle import JobHandle
from orchestrator.api.sheets.sheet import sheet_async

render = blocking(render_async)
"""Render a composition, and return the video. Parameters: `render_async`."""
still = blocking(still_async)
"""Render one frame to an image, and return it. Parameters: `still_async`."""
sheet = blocking(sheet_async)
"""Put frames side by side into one image, and return it. Parameters: `sheet_async`."""
submit = blocking(submit_async, JobHandle)
"""Start a render that outlives this process, and return its handle. Parameters: `submit_async`."""
get_job = blocking(get_job_async, JobHandle)
"""Return a handle on a job by its id. Parameters: `get_job_async`."""
jobs = blocking(jobs_async, lambda found: [JobHandle(job) for job in found])
"""Return handles on the latest jobs, the newest first. Parameters: `jobs_async`."""
