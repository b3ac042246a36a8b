{{ config(severity='warn') }}
-- Only a warning: start_date and url_ids exclude clicks, and the service may count clicks
-- that its report does not show.
select *
from {{ ref('cc_clicks__reconciliation') }}
where verdict = 'behind'
