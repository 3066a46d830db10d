"""Errors: each has a stable code, a message that names the faulty input, and a hint.

    HeliosError
    ├── SpecError           invalid job spec, or invalid command in it
    ├── CompositionError    composition that can't be rendered
    ├── RenderError         failed rendering, encoding or joining
    ├── WorkerError         unreachable, refusing or crashed worker
    ├── StorageError        unreadable or unwritable file or object
    ├── JobError            failed or stopped job, or a request that conflicts with its state
    └── ConfigurationError  unsuitable setting, program or deployment

Executors retry errors whose `retryable` is true: temporary ones such as crashes and timeouts, not
permanent ones such as an invalid spec, a missing file or a forbidden command.
"""

from helios.errors.base import *
from helios.errors.composition import *
from helios.errors.configuration import *
from helios.errors.error_report import *
from helios.errors.job import *
from helios.errors.render import *
from helios.errors.spec import *
from helios.errors.storage import *
from helios.errors.worker import *
