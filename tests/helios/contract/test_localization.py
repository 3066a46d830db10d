import pytest

from helios.contract.localization import locale, time_zone
from helios.errors import OptionInvalid


@pytest.mark.parametrize("name", ["UTC", "Europe/Paris", "America/Argentina/Ushuaia", "Etc/GMT+5"])
def test_a_time_zone_is_known_by_its_name(name: str) -> None:
    assert time_zone(name) == name


@pytest.mark.parametrize("name", ["", "Mars/Base", "../etc/passwd", "UTC ", "/UTC", "+02:00"])
def test_what_is_no_time_zone_is_refused(name: str) -> None:
    with pytest.raises(OptionInvalid, match="timezone"):
        time_zone(name)


@pytest.mark.parametrize("name", ["en", "en-US", "zh-Hant-TW", "es-419", "de-CH-1996", "sr-Latn"])
def test_a_locale_is_a_language_tag(name: str) -> None:
    assert locale(name) == name


@pytest.mark.parametrize("name", ["", "english", "en_US", "en-", "C", "en-US.UTF-8"])
def test_what_is_no_language_tag_is_refused(name: str) -> None:
    with pytest.raises(OptionInvalid, match="locale"):
        locale(name)
