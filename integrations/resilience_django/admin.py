"""The live view inside Django's own admin: its sessions, permissions, tokens and log."""

from __future__ import annotations

import json
import logging
from typing import Any

from django.conf import settings as project
from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, transaction
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.urls import path, reverse

from resilience import critical
from resilience.web.admin import api
from resilience.web.admin.page import Frame
from resilience_django.journal_admin import register
from resilience_django.models import Dashboard
from resilience_django.serving import asked_of, response_of
from resilience_django.state import current

log = logging.getLogger("resilience")

register()


@admin.register(Dashboard)
class DashboardAdmin(admin.ModelAdmin):
    """Shows the live view to who has `view_dashboard`, its buttons to who has `operate_dashboard`.

    The page asks again every two seconds: a view of the admin is a sync one, and a stream of
    events would hold its worker.
    """

    def get_urls(self) -> list[Any]:
        """Return the routes of the page and its API, for those whom the admin lets in."""
        # Who may log in is the admin's; whoever repairs a crowded site must not be turned away.
        view = critical(self.admin_site.admin_view(self._serve))
        return [
            path("", view, name="resilience_dashboard_changelist"),
            path("<path:rest>", view, name="resilience_dashboard_part"),
        ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """There is nothing to add."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """There is nothing to change."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """There is nothing to delete."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether somebody may look; who may operate has to see what."""
        return _has(request, "view") or self.has_operate_permission(request)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Tell whether somebody may order anything."""
        return _has(request, "operate")

    def _serve(self, request: Any, rest: str = "") -> HttpResponse:
        # `admin_view` only asks whether somebody is staff.
        if not self.has_view_permission(request):
            raise PermissionDenied
        home = request.path_info.removesuffix(rest).rstrip("/")
        asked = asked_of(request, api.HOME + rest, self._frame(request), home)
        answer = api.answer(current().system, asked, request.user)
        if asked.path == api.ACTIONS and answer.status == 200:
            _write_down(request, json.loads(answer.body))
        return response_of(answer)

    def _frame(self, request: HttpRequest) -> Frame:
        header = project.CSRF_HEADER_NAME.removeprefix("HTTP_").replace("_", "-")
        parent = reverse("admin:index", current_app=self.admin_site.name)
        return Frame(
            csrf=(header, get_token(request)),
            parent=(str(self.admin_site.site_header), parent),
            may_operate=self.has_operate_permission(request),
        )


def _has(request: Any, permission: str) -> bool:
    return bool(request.user.has_perm(f"resilience.{permission}_dashboard"))


def _subject(done: dict[str, Any]) -> str:
    """Return the name of what something was done to."""
    room = str(done["action"]).partition(".")[0]
    named = done.get("experiment") or done
    return str(named.get("name") or ("degradation" if room == "level" else room))


def _write_down(request: Any, done: dict[str, Any]) -> None:
    """Write what was done into the admin's log."""
    about = Dashboard(name=_subject(done))
    details = ", ".join(
        f"{name} {value}" for name, value in done.items() if name in ("level", "percent", "for")
    )
    message = " ".join(filter(None, (done["action"], details))) + f": {done['reason']}"
    try:
        savepoint: Any = transaction.atomic()
        with savepoint:
            LogEntry.objects.log_actions(
                request.user.pk, [about], CHANGE, message, single_object=True
            )
    except DatabaseError:  # it is done all the same, and told as `operator_acted`
        log.exception("the admin's log did not take %s", message)
