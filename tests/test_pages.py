"""The pages of `docs/` tell the truth: their code runs, one block after the other."""

import pytest

from tests.test_readme import ROOT, blocks, run

PAGES = sorted(page.stem for page in (ROOT / "docs").glob("*.md"))

BEFORE = {"flask": "def check_login(): return None"}
"""What a reader has already, by the page's name."""

AFTER = {
    "flask": """
client = app.test_client()
assert client.get("/prices").json == {"prices": [3, 5]}
assert client.get("/health").json == {"status": "pass"}
assert create_app().extensions["resilience"].system.circuits["prices"].state == "closed"
authorized = {"Authorization": "Bearer change me"}
assert "checks" in watched.test_client().get("/health", headers=authorized).json
assert "checks" not in watched.test_client().get("/health").json
""",
    "starlette": """
from fastapi.testclient import TestClient
from resilience.testing import force_open
from resilience_starlette.dependencies import get_system

with TestClient(app) as client, TestClient(pieces) as parts:
    answer = client.get("/prices")
    assert (answer.json(), answer.headers["x-degraded"]) == ({"prices": []}, "prices=fallback")
    assert "503" in client.get("/openapi.json").json()["paths"]["/prices"]["get"]["responses"]
    assert parts.get("/ops/health/ready").json() == {"status": "pass"}
assert TestClient(shop).get("/state").json() == "closed"
feeding = TestClient(shop, raise_server_exceptions=False)
for _ in range(5):
    feeding.get("/feed")
assert system.circuits["feed"].state == "open"

other_system.circuits.get("payments")
other.add_middleware(LoginRequired)
guest = TestClient(other)
assert [guest.get(path).status_code for path in ("/health/live", "/pay")] == [200, 401]
authorized = {"Authorization": "Bearer change me"}
assert "checks" in TestClient(watched).get("/health", headers=authorized).json()
assert "checks" not in TestClient(watched).get("/health").json()

@shop.get("/pay")
@circuit("payments")
async def pay(): ...

force_open("payments")
assert TestClient(shop).get("/pay").text == "<h1>Busy</h1>"
assert other_system.settings.web.deadline == 5.0
assert callable(own) and callable(get_system) and "feature" in templates.env.globals
""",
}
"""What has to be true then."""


@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_a_page_runs(page: str) -> None:
    """Every block, in an interpreter of its own; and it does what the page says."""
    code = blocks("python", f"docs/{page}.md")

    ran = run(BEFORE.get(page, ""), *code, AFTER.get(page, ""))

    assert ran.returncode == 0, ran.stderr  # warnings are errors there; what is logged is not


def test_every_proof_has_its_page() -> None:
    """None is left behind when a page is renamed."""
    assert {*BEFORE, *AFTER} <= {*PAGES}
