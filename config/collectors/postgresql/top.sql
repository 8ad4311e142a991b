-- SPDX-License-Identifier: Apache-2.0
--
-- The names that clients asked for most in the last minute, by how many of them and at
-- how many servers.
select
	lower(qname) as name,
	count(*) as queries,
	count(distinct query_address) as clients,
	count(distinct identity) as servers
from dnstap
where time > now() - interval '1 minute'
	and type in ('AUTH_QUERY', 'CLIENT_QUERY')
group by name
order by queries desc, name
limit 10;
