"""URLs, ids, keys, moments and bodies of every kind, over HTTP."""

from __future__ import annotations

SMALL = generate(campaigns=3, clicks=12)
EXAMPLES = int(os.environ.get("HOSTILE_EXAMPLES", "60"))
ODD = st.sampled_from(
    [
        "..",
        "../../token",
        "a?b=c",
        "a#b",
        "\x1b]0;x\x07",
        "\u202eabc",
        "a\r\nSet-Cookie: x",
        "\x00",
        "[/b]",
        ADDRESS,
        "0001-01-01T00:00:00+14:00",
        "2026-02-31",
        AT,
        "primary_email",
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    ODD,
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
NAMES = [
    "campaign_id",
    "campaign_activity_id",
    "role",
    "name",
    "updated_at",
    "current_status",
    "stats",
    "last_refresh_time",
    "contact_id",
    "url_id",
    "link_url",
    "created_time",
    "device_type",
    "deleted_at",
    "error_key",
]
ROWS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8)
HREFS = st.builds(
    str.__add__,
    st.sampled_from(
        [
            *("http://EVIL/", "//EVIL/", r"http://EVIL\@HOME/", r"\\EVIL/"),
            *("http://HOME@EVIL/", "http://EVIL:x@HOME/", "/v3/emails?cursor="),
            *("http://HOME/v3/", "HTTP://EVIL#@HOME/", "http:EVIL", "/\\EVIL/", ""),
        ]
    ),
    st.text(max_size=10) | ODD,
)
BODIES = st.binary(max_size=40) | st.builds(
    lambda rows, href: json.dumps(
        {**dict.fromkeys(ENDPOINTS.values(), rows), "_links": {"next": {"href": href}}}
    ).encode(),
    st.lists(ROWS, max_size=4) | VALUES,
    HREFS | VALUES,
)
STATUSES = st.sampled_from([200, 200, 200, 400, 404, 429, 503])
FAULTS = st.dictionaries(
    st.sampled_from(list(ENDPOINTS)), st.tuples(STATUSES, BODIES), min_size=1
)


def fault_of(match: str, status: int, content: bytes, hosts: dict[str, str]) -> Fault:
    """Return a fault that answers with this, hosts put in."""
    for name, host in hosts.items():
        content = content.replace(name.encode(), host.encode())
    if status == 200:
        return Fault("body", match=match, content=content)
    body = content.decode("utf-8", "replace")
    return Fault("status", match=match, status=status, body=body)


@given(FAULTS)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_whatever_comes_stays_without_effect(
    evil: Evil, caplog: pytest.LogCaptureFixture, faults: dict[str, tuple[int, bytes]]
) -> None:
    """No request elsewhere, no error but ours, nothing raw in what is told."""
    caplog.clear()
    with mock.patch.object(pages, "LONG_LIST", 5), Sandbox(SMALL) as sandbox:
        hosts = {"EVIL": evil.host, "HOME": sandbox.url.removeprefix("http://")}
        for match, (status, content) in faults.items():
            sandbox.faults.rules.append(fault_of(match, status, content, hosts))
        with captured(), suppress(SingerSDKError, InterruptedRun):
            config = {**sandbox.config, **EVERYTHING}
            TapCCClicks(config=config, catalog=select(*STREAMS)).sync_all()
    assert not evil.was_reached()
    for record in caplog.records:
        assert record.exc_info is None
        assert record.getMessage().isprintable()
        assert ADDRESS not in record.getMessage()
