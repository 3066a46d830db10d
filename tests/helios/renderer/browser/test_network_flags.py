"""What a composition reaches from a worker: nothing but its own files and allowed hosts.

A page tries all ways that browsers have to servers of this machine, which note who came.
"""

import asyncio
import contextlib
import io
import json
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest
from PIL import Image

from helios.network.egress_proxy import egress_proxy
from helios.network.network_policy import NetworkPolicy
from helios.renderer.browser.network_flags import PROXY_VARIABLE, network_flags
from tests.helios.conftest import Desk
from tests.helios.network.test_download import Server, serving

SIZE = ("--width", 160, "--height", 90, "--frame-count", 2)
#: Names of the worker itself.
HOSTS = ("127.0.0.1", "localhost", "composition.localhost", "[::1]", "2130706433", "egress.invalid")
ATTEMPTS = """
<img src="http://HOST:TCP/img"><link rel="preconnect" href="http://HOST:TCP/preconnect">
<link rel="stylesheet" href="http://HOST:TCP/style.css">
<iframe src="http://HOST:TCP/frame"></iframe>
<video src="http://HOST:TCP/video.mp4"></video>
<script>{
const quiet = () => {};
fetch("http://HOST:TCP/fetch", {mode: "no-cors"}).catch(quiet);
fetch("http://HOST:TCP/post", {mode: "no-cors", method: "POST", body: "x"}).catch(quiet);
navigator.sendBeacon("http://HOST:TCP/beacon", "x");
new EventSource("http://HOST:TCP/events");
new WebSocket("ws://HOST:TCP/socket").onerror = quiet;
const script = `fetch("http://HOST:TCP/worker", {mode: "no-cors"}).catch(() => {})`;
new Worker(URL.createObjectURL(new Blob([script])));
try {
  const transport = new WebTransport("https://HOST:UDP/transport");
  transport.ready.catch(quiet); transport.closed.catch(quiet);
} catch {}
try {
  const credentials = {username: "u", credential: "p"};
  const call = new RTCPeerConnection({iceServers: [
    {urls: "stun:HOST:UDP"}, {urls: "turn:HOST:TCP?transport=tcp", ...credentials},
  ]});
  call.createDataChannel("x");
  call.createOffer().then((offer) => call.setLocalDescription(offer)).catch(quiet);
} catch {}
}</script>
"""
#: Some real time for the attempts: the page's clock and a worker's stand still meanwhile.
WAIT = """
<script>
const clock = `
  const { buffer } = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  Atomics.wait(new Int32Array(buffer), 0, 0, 1500);
  postMessage(1);
`;
window.helios = {waitUntilStable: () => new Promise((done) => {
  new Worker(URL.createObjectURL(new Blob([clock]))).onmessage = done;
})};
</script>
"""


@dataclass
class Listener(asyncio.DatagramProtocol):
    """A port for connections and one for datagrams, and all that came to them."""

    tcp: int = 0
    udp: int = 0
    came: list[str] = field(default_factory=list)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.came.append(f"datagram of {len(data)} bytes")

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            self.came.append((await reader.read(100)).split(b"\r\n")[0].decode(errors="replace"))
            writer.close()


@contextlib.asynccontextmanager
async def listening() -> AsyncIterator[Listener]:
    listener = Listener()
    # Both families on one port, so that no spelling of this machine goes elsewhere.
    both = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    server = await asyncio.start_server(listener.connected, sock=both)
    listener.tcp = both.getsockname()[1]
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: listener, ("127.0.0.1", 0))
    listener.udp = transport.get_extra_info("sockname")[1]
    async with server:
        yield listener
    transport.close()


def attempt(desk: Desk, hosts: Sequence[str], policy: NetworkPolicy | None) -> list[str]:
    """Render a page that tries to reach this machine by some names; return what came."""

    async def main() -> list[str]:
        async with listening() as listener, contextlib.AsyncExitStack() as stack:
            body = "".join(ATTEMPTS.replace("HOST", host) for host in hosts) + WAIT
            desk.page(body.replace("TCP", str(listener.tcp)).replace("UDP", str(listener.udp)))
            env = {}
            if policy is not None:
                env[PROXY_VARIABLE] = await stack.enter_async_context(egress_proxy(policy))
            command = ("render", "page.html", "-o", "out.mp4", *SIZE, "--allow-missing")
            done = await asyncio.to_thread(desk.run, *command, "--no-audio", env=env)
            assert done.status == 0, done.stderr
            return listener.came

    return asyncio.run(main())


@pytest.mark.browser
@pytest.mark.slow
def test_a_page_on_a_worker_reaches_nothing_of_the_worker(desk: Desk) -> None:
    assert attempt(desk, HOSTS, NetworkPolicy()) == []


@pytest.mark.browser
@pytest.mark.slow
def test_the_same_page_reaches_it_where_nothing_forbids_it(desk: Desk) -> None:
    """Or else the test above could not fail."""
    came = attempt(desk, ["127.0.0.1"], None)
    for way in ("/img", "/fetch", "/post", "/beacon", "/events", "/socket", "/worker", "/frame"):
        assert any(way in line for line in came), way
    assert any("datagram" in line for line in came)


@pytest.mark.browser
def test_a_page_that_asks_for_a_forbidden_address_is_told_so(desk: Desk) -> None:
    async def main() -> None:
        async with egress_proxy(NetworkPolicy()) as proxy:
            desk.page('<img src="http://169.254.169.254/latest/meta-data/">')
            done = await asyncio.to_thread(
                desk.run, "render", "page.html", "-o", "out.mp4", *SIZE, env={PROXY_VARIABLE: proxy}
            )
            assert done.error.code == "ASSET_MISSING"
            assert "169.254.169.254/latest/meta-data/ (status 403)" in done.stderr

    asyncio.run(main())


@pytest.mark.browser
def test_files_and_allowed_hosts_are_reached_as_ever(desk: Desk) -> None:
    from aiohttp import web

    async def green(request: web.Request) -> web.StreamResponse:
        buffer = io.BytesIO()
        Image.new("RGB", (80, 90), (0, 200, 0)).save(buffer, "png")
        return web.Response(body=buffer.getvalue(), content_type="image/png")

    async def main() -> Server:
        async with serving(green) as server:
            policy = NetworkPolicy(allow_loopback=True, resolve=server.resolve)
            async with egress_proxy(policy) as proxy:
                Image.new("RGB", (80, 90), (200, 0, 0)).save(desk.folder / "red.png")
                desk.page(
                    '<div style="display: flex"><img src="red.png">'
                    f'<img src="{server.url("/green.png")}"></div>'
                )
                still = ("still", "page.html", "-o", "out.png", "--width", 160, "--height", 90)
                done = await asyncio.to_thread(desk.run, *still, env={PROXY_VARIABLE: proxy})
                assert done.status == 0, done.stderr
            return server

    assert asyncio.run(main()).asked == ["/green.png"]
    picture = Image.open(desk.folder / "out.png").convert("RGB")
    assert picture.getpixel((40, 45)) == (200, 0, 0)
    assert picture.getpixel((120, 45)) == (0, 200, 0)


def test_without_a_proxy_the_network_is_open_and_the_systems_proxy_unused() -> None:
    assert network_flags(local_port=None, proxy=None) == ["--no-proxy-server"]
    assert network_flags(local_port=80, proxy="") == [
        "--no-proxy-server",
        "--host-resolver-rules=MAP composition.localhost:80 127.0.0.1:80",
    ]


def test_with_a_proxy_nothing_else_has_an_address() -> None:
    flags = network_flags(local_port=None, proxy="http://127.0.0.1:4567")
    rules = next(flag for flag in flags if flag.startswith("--host-resolver-rules="))
    assert rules.endswith(",MAP * ~NOTFOUND")
    assert "127.0.0.1:4567" in rules
    assert json.dumps(flags).count("no-proxy-server") == 0
