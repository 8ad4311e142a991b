-- SPDX-License-Identifier: Apache-2.0
--
-- A message of dnstap, with the fields of `dnstapshim read -o flat`. To forget the old
-- ones: delete from dnstap where time < now() - interval '30 days'.
create table dnstap (
	type text,
	time timestamptz,
	identity text,
	version text,
	extra text,
	protocol text,
	query_address inet,
	query_port integer,
	response_address inet,
	response_port integer,
	size integer,
	id integer,
	opcode text,
	flags text,
	qname text,
	qtype text,
	qclass text,
	rcode text,
	latency double precision
);
create index on dnstap using brin (time);

-- The files of which all messages are in the table.
create table dnstap_loaded (
	file text primary key,
	at timestamptz not null default now()
);
