"""After faults of all kinds, the target has exactly the rows of the account.

``CHAOS_ROUNDS=20`` repeats every case with as many seeds; ``make chaos`` does.
"""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tap_cc_clicks.sandbox import Fault
from tap_cc_clicks.sandbox.oauth import Tokens
from tests.chaos.world import (
    COUNTS,
    FAULTS,
    World,
    messages_in,
    time_limit,
)
from tests.child import Fate
from tests.support import HANGS

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.chaos]
ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "1"))
CONCURRENCIES = (1, 8)
STATES_TRIED = 8


@pytest.mark.parametrize("round_", range(ROUNDS))
@pytest.mark.parametrize("name", FAULTS)
def test_one_fault_at_a_fifth_of_all_requests(name: str, round_: int) -> None:
    """Each fault of the table, with clicks between and during the runs."""
    seed = 1000 * round_ + list(FAULTS).index(name)
    with World(seed, concurrency=(1, 8)[seed % 2]) as world:
        world.inject(FAULTS[name])
        for _ in range(2):
            world.take(world.run())
            world.live()
        world.assert_truth()


@pytest.mark.parametrize("round_", range(2 * ROUNDS))
@pytest.mark.parametrize("concurrency", CONCURRENCIES)
def test_all_faults_at_once(concurrency: int, round_: int) -> None:
    """Also with clock jumps of weeks, and tokens that expire during runs."""
    with World(round_, concurrency) as world:
        world.clock_jumps = world.expiries = True
        passing = list(FAULTS.values())[: list(FAULTS).index("400")]
        for faults, probability in ((passing, 0.4), (FAULTS.values(), 0.1)):
            world.inject(*faults, probability=probability)
            for _ in range(2):
                world.take(world.run())
                world.live()
        world.assert_truth()


@pytest.mark.parametrize("round_", range(ROUNDS))
@pytest.mark.parametrize("concurrency", CONCURRENCIES)
def test_bad_items_cost_only_their_own_rows(concurrency: int, round_: int) -> None:
    """Other rows are loaded in each run, and theirs once they can be read."""
    with World(round_, concurrency) as world:
        world.expect_all()
        passing = list(FAULTS.values())[: list(FAULTS).index("400")]
        # Not at the token endpoint: a run without a token reads nothing.
        world.inject(*(replace(one, match="/emails|/reports") for one in passing))
        broken = world.break_items()
        for _ in range(3):
            world.take(world.run())
            world.assert_healthy(broken)
            world.live()
        world.assert_truth()


@pytest.mark.parametrize("round_", range(ROUNDS))
@pytest.mark.parametrize("concurrency", CONCURRENCIES)
def test_a_run_continues_from_every_state(concurrency: int, round_: int) -> None:
    """The rows before a STATE and those of the next run are complete."""
    with World(round_, concurrency) as world:
        messages = world.run()
        world.live()
        messages_later = world.run()
        world.calm()
        places = [n for n, one in enumerate(messages) if one["type"] == "STATE"]
        step = 1 if ROUNDS > 1 else max(1, len(places) // STATES_TRIED)
        for place in [-1, *places[::step]]:
            COUNTS["cases"] += 1
            world.state, world.warehouse = {}, {}
            world.take(messages[: place + 1])
            world.take(world.run())
            world.assert_loaded()
        # Also from an older state, with newer records in the target.
        world.take([*messages, *messages_later])
        world.state = messages[places[0]]["value"]
        world.assert_truth()


@pytest.mark.parametrize("round_", range(ROUNDS))
@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("concurrency", CONCURRENCIES)
def test_a_process_ended_at_any_time(
    tmp_path: Path,
    concurrency: int,
    signum: signal.Signals,
    round_: int,
) -> None:
    """The next run continues from the last STATE that the target got."""
    with World(round_ + signum, concurrency) as world:
        for _ in range(2):
            messages, code = ended(world, tmp_path, signum)
            assert code in {0, -signum, 128 + signum}
            world.take(messages)
            world.live()
        world.assert_truth()


def ended(
    world: World, folder: Path, signum: int, fate: Fate | None = None
) -> tuple[list[dict[str, Any]], int]:
    """Run a process, end it at some request, and return messages and exit code."""
    process = world.start(folder, fate)
    happens, left = world.sandbox.on_request, [world.random.randint(1, 60)]

    def end(endpoint: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            COUNTS["processes ended"] += 1
            process.send_signal(signum)
        if happens:
            happens(endpoint)

    world.sandbox.on_request = end
    written, said = process.communicate(timeout=HANGS)
    world.sandbox.on_request = happens
    assert b"Traceback" not in said, said.decode()
    return messages_in(written), process.returncode


@pytest.mark.parametrize("round_", range(ROUNDS))
@pytest.mark.parametrize("concurrency", CONCURRENCIES)
def test_a_target_that_ends_early(
    tmp_path: Path, concurrency: int, round_: int
) -> None:
    """It reads some lines, maybe half of the last one, and closes the pipe."""
    with World(round_, concurrency) as world:
        with world.start(tmp_path) as process, time_limit():
            assert process.stdout
            assert process.stderr
            taken = process.stdout.read(world.random.randint(1, 60_000))
            process.stdout.close()
            said = process.stderr.read()
        assert process.returncode in {0, 1}
        assert b"Traceback" not in said, said.decode()
        world.take(messages_in(taken))
        world.assert_truth()


@pytest.mark.parametrize("round_", range(ROUNDS))
@pytest.mark.parametrize("concurrency", CONCURRENCIES)
def test_rotating_tokens_survive_interruptions(
    tmp_path: Path, concurrency: int, round_: int
) -> None:
    """With a kill before its use, a full disk, expiry, and a slow endpoint."""
    store = tmp_path / "tokens.json"
    tokens = Tokens(rotating=True)
    with World(round_, concurrency, tokens=tokens) as world:
        world.settings["token_store"] = str(store)
        world.expiries = True
        killed = Fate(dies_after="tap_cc_clicks.api.tokens:TokenStore.save")
        for fate in (killed, Fate(largest_file=1000), Fate()):
            world.inject(Fault("slow", match="/token", seconds=0.1), probability=1)
            messages, _ = ended(world, tmp_path, signal.SIGTERM, fate)
            world.take(messages)
            tokens.expire_all()
            world.live()
        world.assert_truth()
        assert tokens.refresh_token.encode() in store.read_bytes()
