"""A web service that renders videos: submit, watch, download."""

import dataclasses
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, request, send_file, url_for

from orchestrator import HeliosError, JobHandle, JobStatus, Local, Notice, get_job, submit

PROMO = Path(__file__).parents[1] / "promo"
PAGE = Path(__file__).with_name("page.html")
#: HTTP statuses of errors whose request is at fault; all others are the server's.
STATUSES = {"JOB_NOT_FOUND": 404, "JOB_STATE_CONFLICT": 409, "OPTION_INVALID": 400}


def create_app(folder: Path, **settings: Any) -> Flask:
    """Return the service.

    Args:
        folder: Where videos and the records of jobs are kept.
        settings: Of every render, such as `size`.
    """
    app = Flask(__name__)
    store = str(folder / "jobs")

    def find(job_id: str) -> JobHandle:
        return get_job(job_id, job_store=store)

    @app.get("/")
    def index() -> Response:
        return send_file(PAGE)

    @app.post("/videos")
    def create() -> tuple[Response, int]:
        title = str(request.get_json(force=True).get("title", ""))
        output = folder / f"{uuid.uuid4().hex}.mp4"
        job = submit(
            PROMO, output, target=Local(), props={"title": title}, job_store=store, **settings
        )
        return jsonify(describe(job.status())), 202

    @app.get("/videos/<job_id>")
    def show(job_id: str) -> Response:
        return jsonify(describe(find(job_id).status()))

    @app.get("/videos/<job_id>/events")
    def follow(job_id: str) -> Response:
        return Response(stream(find(job_id)), mimetype="text/event-stream")

    @app.get("/videos/<job_id>/video.mp4")
    def video(job_id: str) -> Response | tuple[Response, int]:
        status = find(job_id).status()
        if status.output is None:
            return jsonify(describe(status)), 409
        return send_file(status.output, mimetype="video/mp4")

    @app.delete("/videos/<job_id>")
    def cancel(job_id: str) -> Response:
        return jsonify(describe(find(job_id).cancel()))

    @app.errorhandler(HeliosError)
    def refuse(error: HeliosError) -> tuple[Response, int]:
        return jsonify(code=error.code, message=error.message), STATUSES.get(error.code, 500)

    return app


def describe(status: JobStatus) -> dict[str, Any]:
    """Return what clients learn of a job."""
    return {
        "id": status.id,
        "state": status.state,
        "framesDone": status.frames_done,
        "framesTotal": status.frames_total,
        "error": None if status.error is None else status.error.message,
        "events": url_for("follow", job_id=status.id),
        "video": url_for("video", job_id=status.id),
    }


def stream(job: JobHandle) -> Iterator[str]:
    """Yield a job's progress as server-sent events, until it has ended."""
    for event in job.events(interval=0.5):
        if isinstance(event, Notice):
            yield f"event: status\ndata: {json.dumps(dict(event.facts))}\n\n"
        else:
            fields = {"kind": type(event).__name__, **dataclasses.asdict(event)}
            yield f"event: progress\ndata: {json.dumps(fields, default=str)}\n\n"


if __name__ == "__main__":
    out = Path("out/web_app")
    out.mkdir(parents=True, exist_ok=True)
    create_app(out.absolute(), size=(640, 360)).run(port=8000, threaded=True)
