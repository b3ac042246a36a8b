"""Generated marts of any size, in SQL for PostgreSQL and DuckDB."""

from __future__ import annotations

HOSTILE = (
    "<b>Sale</b> 'half' \"price\" \u202eecirp\u202c </script> for mona@example.com"
)
EMAILS = 40


def statements(clicks: int, schema: str = "cc_clicks_marts") -> list[str]:
    """Return the statements that create the marts of the report."""
    start = "timestamp '2026-01-05 08:00:00'"
    return [
        f"create schema {schema}",
        f"""
        create table {schema}.cc_clicks__clicks as select
            case i % 4 when 0 then 'mobile' when 1 then 'computer' end as device_type,
            {start} + i * interval '1 minute' as clicked_at,
            cast(i % 5000 as bigint) as minutes_since_send,
            i % 5 = 0 as is_likely_machine,
            'p' || (i % 1000) || '@example.com' as email_address
        from generate_series(0, {clicks - 1}) as made(i)
        """,
        f"""
        create table {schema}.cc_clicks__links as select
            'shop.example.com' as link_host,
            '/to/' || i || case i when 3 then '/mona@example.com' else '' end
                as link_path,
            cast(1000 - i as bigint) as loaded_human_clicks,
            {start} as last_clicked_at
        from generate_series(1, 500) as made(i)
        """,
        f"""
        create table {schema}.cc_clicks__emails as select
            'a' || i as campaign_activity_id,
            '{HOSTILE.replace("'", "''")}' as campaign_name, 'Subject' as subject,
            case i % 2 when 0 then 'resend' else 'primary_email' end as role,
            {start} + i * interval '1 day' as last_sent_at,
            cast(1000 + i as bigint) as sends, cast(900 as bigint) as deliveries,
            cast(300 + i as bigint) as unique_opens,
            cast(40 as bigint) as unique_clicks,
            cast(41 as bigint) as loaded_unique_clicks,
            cast(2 as bigint) as unsubscribes, cast(50 as bigint) as loaded_clicks,
            {start} as counted_at, {start} as last_clicked_at
        from generate_series(1, {EMAILS}) as made(i)
        """,
    ]
