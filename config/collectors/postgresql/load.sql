-- SPDX-License-Identifier: Apache-2.0
--
-- The lines of standard input, which come from a file of that name, become rows: all of
-- them or none, and once. JSON has no control characters, so a line is one CSV value.
\set ON_ERROR_STOP on
begin;
select not exists (select from dnstap_loaded where file = :'file') as new \gset
\if :new
insert into dnstap_loaded (file) values (:'file');
create temporary table line (message text) on commit drop;
\copy line from pstdin with (format csv, quote e'\x01', delimiter e'\x02')
insert into dnstap
select record.*
from line, jsonb_populate_record(null::dnstap, message::jsonb) as record;
delete from dnstap_loaded where at < now() - interval '7 days';
\endif
commit;
