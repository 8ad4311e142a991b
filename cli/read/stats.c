/* SPDX-License-Identifier: Apache-2.0
 *
 * Counting and ranking. A question counts once: as a query, or as a response whose
 * query is not among the messages.
 */
#include "cli/read/stats.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/read/dnstap.h"
#include "cli/read/histogram.h"
#include "cli/read/tally.h"
#include "proto/common.h"
#include "proto/text.h"

#define TOP      10
#define KEYS_MAX 1000000
#define TYPES    15 /* the schema's, and 0 for what is newer */

/* What is counted by a key, and how a key is shown. */
struct ranking {
	const char *title;
	struct tally tally;
	uint64_t total, others; /* of keys that were not kept */
	void (*show)(struct text *out, const uint8_t *key, size_t size);
};

struct stats {
	size_t keys; /* that are kept of a ranking */
	uint64_t messages, by_type[TYPES];
	uint64_t first_ns, last_ns;
	uint64_t queries, orphans; /* responses without their query */
	uint64_t unanswered;
	struct tally open; /* queries that have no response yet */
	struct histogram latency;
	struct ranking ranking[STATS_RANKINGS];
};

/* How keys are shown */

static void show_name(struct text *out, const uint8_t *key, size_t size)
{
	text_add_name(out, key, size);
}

static void show_client(struct text *out, const uint8_t *key, size_t size)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(size == 16 ? AF_INET6 : AF_INET, key, text, sizeof(text));
	text_add_string(out, text);
}

static uint16_t number_of(const uint8_t *key)
{
	uint16_t number;

	memcpy(&number, key, sizeof(number));
	return number;
}

static void show_type(struct text *out, const uint8_t *key, size_t size)
{
	(void)size;
	dns_put_type(out, number_of(key));
}

static void show_rcode(struct text *out, const uint8_t *key, size_t size)
{
	(void)size;
	dns_put_rcode(out, number_of(key));
}

struct stats *stats_new(size_t keys)
{
	static const struct ranking rankings[STATS_RANKINGS] = {
		[STATS_NAMES] = { .title = "Names", .show = show_name },
		[STATS_CLIENTS] = { .title = "Clients", .show = show_client },
		[STATS_TYPES] = { .title = "Types", .show = show_type },
		[STATS_RCODES] = { .title = "RCODEs", .show = show_rcode },
	};
	struct stats *stats = calloc(1, sizeof(*stats));

	if (!stats)
		return NULL;
	stats->keys = keys ? keys : KEYS_MAX;
	memcpy(stats->ranking, rankings, sizeof(rankings));
	return stats;
}

void stats_free(struct stats *stats)
{
	if (!stats)
		return;
	for (size_t i = 0; i < STATS_RANKINGS; i++)
		tally_release(&stats->ranking[i].tally);
	tally_release(&stats->open);
	free(stats);
}

/* Counting */

static int count(struct stats *stats, enum stats_ranking which, const void *key,
		 size_t size)
{
	struct ranking *ranking = &stats->ranking[which];
	bool full = ranking->tally.count >= stats->keys;
	uint64_t *number = full ? tally_find(&ranking->tally, key, size)
				: tally_at(&ranking->tally, key, size);

	if (!number && !full)
		return -ENOMEM;
	ranking->total++;
	if (number)
		++*number;
	else
		ranking->others++;
	return 0;
}

static int count_name(struct stats *stats, const struct dns_question *question)
{
	uint8_t name[DNS_NAME_SIZE];

	for (size_t i = 0; i < question->name_size; i++) {
		uint8_t c = question->name[i];

		name[i] = c >= 'A' && c <= 'Z' ? c | 0x20 : c;
	}
	return count(stats, STATS_NAMES, name, question->name_size);
}

static int count_question(struct stats *stats, const Dnstap__Message *m,
			  const struct dns_facts *facts)
{
	struct address client = dnstap_asker(m);
	int error = 0;

	if (facts->question.name) {
		uint16_t type = facts->question.type;

		error = count_name(stats, &facts->question);
		if (!error)
			error = count(stats, STATS_TYPES, &type, sizeof(type));
	}
	if (!error && client.known)
		error = count(stats, STATS_CLIENTS, client.octets,
			      client.inet6 ? 16 : 4);
	return error;
}

/* The same for a query and its response. The server's own address may be known of
 * one of them only; who was asked, of a server's own queries, is. */
struct transaction {
	uint8_t asker[16], asked[16];
	uint16_t asker_port, asked_port, id;
	uint8_t kind, protocol;
};

static bool asks_others(const Dnstap__Message *m)
{
	switch (m->type) {
	case DNSTAP__MESSAGE__TYPE__RESOLVER_QUERY:
	case DNSTAP__MESSAGE__TYPE__RESOLVER_RESPONSE:
	case DNSTAP__MESSAGE__TYPE__FORWARDER_QUERY:
	case DNSTAP__MESSAGE__TYPE__FORWARDER_RESPONSE:
		return true;
	default:
		return false;
	}
}

static struct transaction transaction_of(const Dnstap__Message *m, uint16_t id)
{
	struct address asker = dnstap_asker(m), asked = dnstap_answerer(m);
	struct transaction transaction;

	memset(&transaction, 0, sizeof(transaction));
	memcpy(transaction.asker, asker.octets, sizeof(asker.octets));
	if (asks_others(m))
		memcpy(transaction.asked, asked.octets, sizeof(asked.octets));
	transaction.asker_port = asker.port;
	transaction.asked_port = asked.port;
	transaction.id = id;
	transaction.kind = (uint8_t)((m->type - 1) / 2);
	transaction.protocol = (uint8_t)m->socket_protocol;
	return transaction;
}

static int add_query(struct stats *stats, const Dnstap__Message *m,
		     const struct dns_facts *facts)
{
	struct transaction key = transaction_of(m, facts->header.id);
	uint64_t *open = tally_at(&stats->open, &key, sizeof(key));

	if (!open)
		return -ENOMEM;
	++*open;
	stats->queries++;
	stats->unanswered++;
	return count_question(stats, m, facts);
}

static int add_response(struct stats *stats, const Dnstap__Message *m,
			const struct dns_facts *facts)
{
	struct transaction key = transaction_of(m, facts->header.id);
	uint64_t *open = tally_find(&stats->open, &key, sizeof(key)), latency;
	int error =
		count(stats, STATS_RCODES, &facts->rcode, sizeof(facts->rcode));

	if (error)
		return error;
	if (dnstap_latency(m, &latency))
		histogram_add(&stats->latency, latency);
	if (!open) {
		stats->orphans++;
		return count_question(stats, m, facts);
	}
	stats->unanswered--;
	if (--*open == 0)
		tally_remove(&stats->open, &key, sizeof(key));
	return 0;
}

static void add_time(struct stats *stats, uint64_t ns)
{
	if (!ns)
		return;
	if (!stats->first_ns || ns < stats->first_ns)
		stats->first_ns = ns;
	if (ns > stats->last_ns)
		stats->last_ns = ns;
}

int stats_add(struct stats *stats, const Dnstap__Message *message)
{
	uint8_t expanded[DNS_NAME_SIZE];
	struct dns_facts facts = dns_facts_of(message, expanded);
	unsigned type = (unsigned)message->type;

	stats->messages++;
	stats->by_type[type < TYPES ? type : 0]++;
	add_time(stats, dnstap_time(message));
	if (!facts.header_known)
		return 0;
	return dnstap_is_query(message) ? add_query(stats, message, &facts)
					: add_response(stats, message, &facts);
}

/* Asking */

static double percent(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

size_t stats_top(const struct stats *stats, enum stats_ranking which,
		 struct stats_row *rows, size_t n)
{
	const struct ranking *ranking = &stats->ranking[which];
	const struct tally_entry *top[STATS_TOP];

	n = tally_top(&ranking->tally, top, n < STATS_TOP ? n : STATS_TOP);
	for (size_t i = 0; i < n; i++) {
		struct stats_row *row = &rows[i];
		struct text text = { .start = row->label,
				     .size = sizeof(row->label) - 1 };

		ranking->show(&text, top[i]->key, top[i]->size);
		row->label[text.used] = '\0';
		row->number = top[i]->number;
		row->percent = percent(row->number, ranking->total);
	}
	return n;
}

const char *stats_title(const struct stats *stats, enum stats_ranking which)
{
	return stats->ranking[which].title;
}

struct stats_sums stats_sums(const struct stats *stats)
{
	return (struct stats_sums){ stats->messages, stats->queries,
				    stats->unanswered, stats->latency.count };
}

uint64_t stats_latency(const struct stats *stats, unsigned permille)
{
	return histogram_at(&stats->latency, permille);
}

/* Printing */

static void print_instant(uint64_t ns, FILE *out)
{
	time_t seconds = (time_t)(ns / NS_PER_S);
	char text[64] = "?";
	struct tm tm;

	if (localtime_r(&seconds, &tm))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	fputs(text, out);
}

static void print_span(const struct stats *stats, FILE *out)
{
	double seconds = (double)(stats->last_ns - stats->first_ns) / NS_PER_S;

	if (!stats->first_ns)
		return;
	fputs(" from ", out);
	print_instant(stats->first_ns, out);
	fputs(" to ", out);
	print_instant(stats->last_ns, out);
	if (seconds > 0)
		fprintf(out, ", %.1f a second",
			(double)stats->messages / seconds);
}

static void print_row(uint64_t part, uint64_t whole, const char *label,
		      FILE *out)
{
	fprintf(out, "%12" PRIu64 " %5.1f %%  %s\n", part, percent(part, whole),
		label);
}

static void print_messages(const struct stats *stats, FILE *out)
{
	fprintf(out, "Messages: %" PRIu64, stats->messages);
	print_span(stats, out);
	fputc('\n', out);
	for (unsigned type = 0; type < TYPES; type++) {
		const ProtobufCEnumValue *known =
			protobuf_c_enum_descriptor_get_value(
				&dnstap__message__type__descriptor, (int)type);

		if (stats->by_type[type])
			print_row(stats->by_type[type], stats->messages,
				  known ? known->name : "other", out);
	}
}

static void print_questions(const struct stats *stats, FILE *out)
{
	fprintf(out, "\nQueries: %" PRIu64 "\n", stats->queries);
	print_row(stats->unanswered, stats->queries, "unanswered", out);
	if (stats->orphans)
		fprintf(out, "%12" PRIu64 "          responses to others\n",
			stats->orphans);
}

static void print_ranking(const struct stats *stats, enum stats_ranking which,
			  FILE *out)
{
	const struct ranking *ranking = &stats->ranking[which];
	struct stats_row rows[TOP];
	size_t n = stats_top(stats, which, rows, TOP);

	fprintf(out, "\n%s: %zu%s\n", ranking->title, ranking->tally.count,
		ranking->others ? " and more" : "");
	for (size_t i = 0; i < n; i++)
		print_row(rows[i].number, ranking->total, rows[i].label, out);
}

static void print_latency(const struct histogram *latency, FILE *out)
{
	static const struct {
		unsigned permille;
		const char *label;
	} rows[] = { { 500, "50 %" }, { 900, "90 %" },   { 950, "95 %" },
		     { 990, "99 %" }, { 999, "99.9 %" }, { 1000, "all" } };

	fprintf(out, "\nLatency: of %" PRIu64 " responses\n", latency->count);
	for (size_t i = 0; latency->count && i < ARRAY_SIZE(rows); i++)
		fprintf(out, "%12.3f ms    %s\n",
			(double)histogram_at(latency, rows[i].permille) /
				NS_PER_MS,
			rows[i].label);
}

void stats_print(const struct stats *stats, FILE *out)
{
	print_messages(stats, out);
	print_questions(stats, out);
	for (size_t i = 0; i < STATS_RANKINGS; i++)
		print_ranking(stats, i, out);
	print_latency(&stats->latency, out);
}
