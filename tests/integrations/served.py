"""A served shop, asked over real HTTP: what has to hold whichever server and framework it is."""

import http.client
import json
from concurrent.futures import ThreadPoolExecutor

from tests.integrations.contract import BROWSER, Reply


def ask(port: int, path: str, method: str = "GET", **headers: str) -> Reply:
    """Send one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, headers=headers)
        reply = connection.getresponse()
        named = {name.lower(): value for name, value in reply.getheaders()}
        return Reply(reply.status, named, reply.read())
    finally:
        connection.close()


def check_answers(port: int) -> None:
    """Check rejected calls and health; whichever worker is asked, and however many ask at once."""
    with ThreadPoolExecutor(8) as pool:
        refused = list(pool.map(lambda _: ask(port, "/pay"), range(32)))
    page = ask(port, "/pay", Accept=BROWSER)
    headed = ask(port, "/pay", "HEAD")
    priced = ask(port, "/prices")

    for reply in refused:
        assert reply.status == 503
        assert 500 <= int(reply.headers["retry-after"]) <= 660
        assert reply.headers["content-type"] == "application/problem+json"
        assert reply.json["circuit"] == "payments"
        assert b"hunter2" not in reply.body
    assert (page.status, page.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert (headed.status, headed.body) == (503, b"")
    assert (priced.status, priced.body) == (200, b"no prices")
    assert priced.headers["x-degraded"] == "prices=fallback"

    health = ask(port, "/health")
    assert (health.status, health.json) == (200, {"status": "warn"})
    assert ask(port, "/health/ready").status == ask(port, "/health/live").status == 200
    assert ask(port, "/health/live", "POST").status == 405
    assert json.loads(ask(port, "/degradation").body)["level"] == "normal"


def check_details(port: int) -> None:
    """Check that details name the worker that answers; both turn up when enough ask at once."""
    with ThreadPoolExecutor(8) as pool:
        replies = pool.map(lambda _: ask(port, "/health", Authorization="Bearer ops"), range(64))
        details = [reply.json for reply in replies]

    assert 1 <= len({each["worker"] for each in details}) <= 2
    for each in details:
        [payments] = each["checks"]["circuit:payments"]
        assert (payments["observedValue"], payments["status"]) == ("open", "warn")
