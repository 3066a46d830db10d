"""Errors of settings, programs and deployments."""

from helios.errors.base import HeliosError


class ConfigurationError(HeliosError):
    """Unsuitable setting, program or deployment."""


class OptionInvalid(ConfigurationError, code="OPTION_INVALID"):
    """An option has an invalid value."""


class PortInUse(ConfigurationError, code="PORT_IN_USE"):
    """A port can't be served: another program has it, or it needs more rights."""


class RowsInvalid(ConfigurationError, code="ROWS_INVALID"):
    """Rows of a batch can't be rendered; `details` name each with its line."""


class CodecUnavailable(ConfigurationError, code="CODEC_UNAVAILABLE"):
    """The installed ffmpeg lacks a codec."""


class ProgramMissing(ConfigurationError, code="PROGRAM_MISSING"):
    """A required program (a browser, ffmpeg) isn't installed."""


class CheckupFailed(ConfigurationError, code="CHECKUP_FAILED"):
    """A check before rendering found a problem."""


class DeploymentFailed(ConfigurationError, code="DEPLOYMENT_FAILED"):
    """A cloud resource couldn't be created, changed or deleted."""


class SignatureInvalid(ConfigurationError, code="SIGNATURE_INVALID"):
    """The signature of a webhook is missing, wrong or too old."""
