"""The preview's server, without a browser."""

import base64
import hashlib
import re

import typer.main

import orchestrator.cli
from helios.contract.command import parse_command
from orchestrator.api.rendering.settings import RenderSettings
from orchestrator.preview.page import preview_page
from orchestrator.preview.server import render_command


def test_the_render_command_gives_each_setting_of_the_preview_as_a_flag_of_render() -> None:
    given = {
        **{"duration": 2.5, "fps": 29.97, "width": 320, "height": 180, "root": "site"},
        **{"dialect": "helios", "composition_id": "intro", "scale": 2.0, "seed": 7},
        **{"timezone": "Europe/Paris", "locale": "de", "replay": False, "transparent": True},
        **{"allow_missing": True, "timeout": 4.5, "jpeg_quality": 80, "chunks": 3},
    }
    command = render_command("site/intro.html", RenderSettings.of(given), {"title": "Grüße"})
    program, name, *arguments = parse_command(command)
    assert (program, name) == ("orchestrator", "render")
    commands = typer.main.get_command(orchestrator.cli.app).commands  # type: ignore[attr-defined]
    parsed = commands["render"].make_context("render", arguments).params
    assert parsed["source"] == "site/intro.html"
    assert parsed["output"] == "intro.webm"
    assert parsed["props"] == '{"title": "Grüße"}'
    assert {each: parsed[each] for each in given} == {**given, "fps": "29.97"}


def test_a_page_without_transparency_becomes_an_mp4_file() -> None:
    command = render_command("site/intro.html", RenderSettings.of({}), {})
    assert command == "orchestrator render site/intro.html -o intro.mp4"


def test_the_policy_of_the_page_allows_its_own_script_alone() -> None:
    page, policy = preview_page()
    [script] = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy
