{{ config(severity='warn') }}
-- A warning: start_date and url_ids leave clicks out on purpose, and the service may count
-- clicks that its report does not show.
select *
from {{ ref('cc_clicks__reconciliation') }}
where verdict = 'behind'
