from orchestrator.web.event_stream import EventStream

SECRET = "token=q1w2e3r4"


def test_pages_are_sent_no_secrets_however_late_they_open() -> None:
    stream = EventStream()
    early = stream.open()
    stream.send_report({"name": SECRET})
    stream.send_patch({"output": SECRET}, whole={"name": SECRET, "output": SECRET})
    stream.send_lines([{"chunkId": 0, "text": SECRET}])
    late = stream.open()
    sent = [[queue.get_nowait() for _ in range(queue.qsize())] for queue in (early, late)]
    assert [len(messages) for messages in sent] == [3, 2]
    for message in (*sent[0], *sent[1]):
        assert b"q1w2e3r4" not in message
        assert b"[redacted]" in message
