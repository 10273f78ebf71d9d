"""Shows in the summary how many cases the generated tests went through."""

import pytest
from hypothesis import HealthCheck, settings

# How long it takes to draw an example says something of the machine, and nothing of the code.
settings.register_profile("busy", suppress_health_check=[HealthCheck.too_slow], deadline=None)
settings.load_profile("busy")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "cases":
                terminalreporter.write_line(str(value))
