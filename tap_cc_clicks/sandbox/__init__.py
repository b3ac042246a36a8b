"""A simulated Constant Contact account behind a real HTTP server.

For the demo, the tests and the benchmarks. It is built from the vendor's documentation,
not from the live service, and does not import the tap. Requires the ``[sandbox]``
extra::

    with Sandbox(generate(seed=7)) as sandbox:
        requests.get(sandbox.api_url + "/emails", headers=sandbox.headers)
"""

from __future__ import annotations

from tap_cc_clicks.sandbox.account import Account
from tap_cc_clicks.sandbox.faults import Fault
from tap_cc_clicks.sandbox.generate import generate

try:
    from tap_cc_clicks.sandbox.runner import Sandbox
except ModuleNotFoundError as error:
    if error.name not in {"starlette", "uvicorn"}:
        raise
    message = "The simulator needs more packages: pip install 'tap-cc-clicks[sandbox]'"
    raise ModuleNotFoundError(message, name=error.name) from None

__all__ = ["Account", "Fault", "Sandbox", "generate"]
