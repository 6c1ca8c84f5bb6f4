"""200 domains from a server that answers after 50 ms, ten connections: near the ideal second."""

import asyncio
import json
import subprocess
import sys

import pytest

CALLS, CONNECTIONS, DELAY = 200, 10, 0.050
IDEAL = CALLS / CONNECTIONS * DELAY
LIMIT = 1.3


def body():
    """Return a month of days with all events, as the Stats API answers."""
    permanent = ("suppress-bounce", "suppress-unsubscribe", "suppress-complaint", "bounce", "total")
    item = {
        "time": "Mon, 17 Feb 2025 00:00:00 UTC",
        "accepted": {"incoming": 0, "outgoing": 12345, "total": 12345},
        "delivered": {"smtp": 12000, "http": 0, "optimized": 0, "total": 12000},
        "failed": {
            "temporary": {"espblock": 12, "total": 340},
            "permanent": dict.fromkeys(permanent, 51),
        },
        **{name: {"total": 4000, "unique": 2800} for name in ("opened", "clicked")},
        **{name: {"total": 17} for name in ("unsubscribed", "complained", "stored")},
    }
    edges = dict.fromkeys(("start", "end"), item["time"])
    return json.dumps({"description": "", **edges, "resolution": "day", "stats": [item] * 30})


async def serve():
    """Answer every request after the delay; kept alive, without Nagle's wait."""
    content = body().encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(content)}"
    answer = head.encode() + b"\r\n\r\n" + content

    async def talk(reader, writer):
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                await asyncio.sleep(DELAY)
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@pytest.fixture
def address():
    with subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True) as process:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.terminate()


def test_side_by_side_calls_stay_near_the_ideal(benchmark, address):
    from mgframe.client import Call, Client  # the server, run from this file, does without

    calls = [
        Call("GET", f"/v3/d{number}.example.com/stats/total", label=f"d{number}.example.com")
        for number in range(CALLS)
    ]

    def fresh_client():
        return (Client("a-key", base_url=address, connections=CONNECTIONS),), {}

    def fetch(client):
        with client:
            return client.send_all(calls, progress=False)

    answers = benchmark.pedantic(fetch, setup=fresh_client, rounds=5, warmup_rounds=1)
    assert [answer.call for answer in answers] == calls
    benchmark.extra_info["times the ideal"] = round(benchmark.stats["median"] / IDEAL, 3)
    assert benchmark.stats["median"] <= LIMIT * IDEAL


if __name__ == "__main__":
    asyncio.run(serve())
