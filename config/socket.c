/* SPDX-License-Identifier: Apache-2.0
 *
 * SOCKET → kind, address and port.
 */
#include "config/socket.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "config/value.h"
#include "proto/common.h"

/* RFC 1035 2.3.4, written out and without the last dot. */
#define HOST_SIZE_MAX 253

/* A SOCKET on its way into a tap. */
struct reading {
	const struct token *word;
	const char *rest; /* what follows the scheme */
	struct tap_config *tap;
	struct errors *errors;
};

static bool wrong(const struct reading *reading, const char *message)
{
	errors_add(reading->errors, reading->word, "%s", message);
	return false;
}

static bool set_address(const struct reading *reading, const char *address)
{
	reading->tap->address = errors_strdup(reading->errors, address);
	return reading->tap->address;
}

static bool is_directory(const char *path)
{
	size_t size = strlen(path);

	return path[size - 1] == '/' || strcmp(path, ".") == 0 ||
	       strcmp(path, "..") == 0;
}

static bool read_path(const struct reading *reading, size_t limit,
		      const char *too_long)
{
	const char *path = reading->rest;

	if (*path == '\0')
		return wrong(reading, "expected a path");
	if (strlen(path) > limit)
		return wrong(reading, too_long);
	if (is_directory(path))
		return wrong(reading, "expected a path, this is a directory");
	return set_address(reading, path);
}

static bool read_unix(const struct reading *reading)
{
	_Static_assert(sizeof(((struct sockaddr_un *)0)->sun_path) == 108,
		       "the message says 107");

	if (strcmp(reading->rest, "@") == 0)
		return wrong(reading, "expected a name after the @");
	return read_path(reading, 107,
			 "a unix socket's path has at most 107 octets");
}

static bool read_file(const struct reading *reading)
{
	return read_path(reading, PATH_MAX - 1, "the path is too long");
}

/* A zone may stand behind the address: fe80::1%eth0, in a URL %25eth0. */
static bool is_inet6(char *host)
{
	struct in6_addr address;
	char *zone = strchr(host, '%');
	bool good;

	if (zone)
		*zone = '\0';
	good = inet_pton(AF_INET6, host, &address) == 1;
	if (!zone)
		return good;
	*zone = '%';
	if (strncmp(zone, "%25", 3) == 0)
		memmove(zone + 1, zone + 3, strlen(zone + 3) + 1);
	return good && zone[1];
}

static bool is_inet_or_name(const char *host)
{
	struct in_addr address;

	if (host[strspn(host, "0123456789.")] == '\0' && *host)
		return inet_pton(AF_INET, host, &address) == 1;
	return strlen(host) <= HOST_SIZE_MAX &&
	       host[strcspn(host, "/?#@[]%\\\"'*,;= \t\r\n")] == '\0';
}

static bool set_port(const struct reading *reading, const char *text)
{
	static const struct range range = { "a port", 1, 65535 };
	struct token word = *reading->word;
	uint64_t port;

	word.text = text;
	word.column += (unsigned)(strlen(reading->word->text) - strlen(text));
	if (!value_number(&word, range, &port, reading->errors))
		return false;
	if (asprintf(&reading->tap->port, "%u", (unsigned)port) < 0) {
		reading->tap->port = NULL;
		reading->errors->no_memory = true;
	}
	return reading->tap->port;
}

static const char *cut_inet6(char *text, char **port)
{
	char *close = strchr(text, ']');

	if (!close || close[1] != ':')
		return "expected a ']' and a port after the address, as in "
		       "tcp://[::1]:6000";
	*close = '\0';
	memmove(text, text + 1, strlen(text));
	*port = close + 2;
	return NULL;
}

static const char *cut_host(char *text, char **port)
{
	char *colon = strrchr(text, ':');

	if (!colon)
		return "expected a port at the end, as in tcp://127.0.0.1:6000";
	*colon = '\0';
	*port = colon + 1;
	if (strchr(text, ':'))
		return "expected brackets around an IPv6 address, as in "
		       "tcp://[::1]:6000";
	return NULL;
}

const char *socket_cut(char *text, char **port)
{
	return *text == '[' ? cut_inet6(text, port) : cut_host(text, port);
}

static bool read_host(const struct reading *reading)
{
	char *host = errors_strdup(reading->errors, reading->rest);
	size_t size = strlen(reading->rest);
	bool inet6 = *reading->rest == '[', good;
	const char *error;
	char *port;

	if (!host)
		return false;
	if (size > 0 && host[size - 1] == '/') /* as in a URL */
		host[size - 1] = '\0';
	error = socket_cut(host, &port);
	if (!error && inet6 && !is_inet6(host))
		error = "expected an IPv6 address in the brackets";
	if (!error && !inet6 && !is_inet_or_name(host))
		error = "expected an address or a name before the port";
	good = error ? wrong(reading, error)
		     : set_port(reading, port) && set_address(reading, host);
	free(host);
	return good;
}

static const struct scheme {
	const char *name;
	const char *form;
	enum endpoint_kind kind;
	bool (*read)(const struct reading *reading);
} schemes[] = {
	{ "unix", "unix://PATH", ENDPOINT_UNIX, read_unix },
	{ "tcp", "tcp://HOST:PORT", ENDPOINT_TCP, read_host },
	{ "tls", "tls://HOST:PORT", ENDPOINT_TLS, read_host },
	{ "file", "file://PATH", ENDPOINT_FILE, read_file },
};

_Static_assert(ARRAY_SIZE(schemes) == ENDPOINT_KINDS,
	       "each kind can be written");

/* http://… : CoreDNS would make it a unix socket of that name. */
static bool has_unknown_scheme(const struct reading *reading)
{
	const char *text = reading->word->text;
	const char *end = strstr(text, "://");
	struct token scheme = *reading->word;
	char name[16];

	if (!end || memchr(text, '/', (size_t)(end - text)))
		return false;
	snprintf(name, sizeof(name), "%.*s", (int)(end - text), text);
	scheme.text = name;
	errors_add_unknown(reading->errors, &scheme, "a path or a scheme",
			   KEYWORDS_OF(schemes));
	return true;
}

/* Returns what follows NAME and `mark`, or NULL if the text begins otherwise. */
static const char *after_scheme(const char *text, const struct scheme *scheme,
				const char *mark)
{
	size_t size = strlen(scheme->name);

	if (strncmp(text, scheme->name, size) != 0 ||
	    strncmp(text + size, mark, strlen(mark)) != 0)
		return NULL;
	return text + size + strlen(mark);
}

/* tcp:… without its slashes. */
static bool has_half_scheme(const struct reading *reading)
{
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		if (!after_scheme(reading->word->text, &schemes[i], ":"))
			continue;
		errors_add(reading->errors, reading->word, "expected %s",
			   schemes[i].form);
		return true;
	}
	return false;
}

/* 127.0.0.1:6000. */
static bool lacks_scheme(const struct reading *reading)
{
	const char *text = reading->word->text;
	const char *colon = strrchr(text, ':');

	if (!colon || !colon[1] || strchr(text, '/') ||
	    colon[1 + strspn(colon + 1, "0123456789")])
		return false;
	errors_add(reading->errors, reading->word,
		   "expected tcp://HOST:PORT or tls://HOST:PORT; a unix "
		   "socket of this name would be ./HOST:PORT");
	return true;
}

static bool read_plain(struct reading *reading)
{
	if (has_unknown_scheme(reading) || has_half_scheme(reading) ||
	    lacks_scheme(reading))
		return false;
	reading->tap->kind = ENDPOINT_UNIX;
	reading->rest = reading->word->text;
	return read_unix(reading);
}

bool socket_read(const struct token *word, struct tap_config *tap,
		 struct errors *errors)
{
	struct reading reading = { word, NULL, tap, errors };

	tap->socket = errors_strdup(errors, word->text);
	if (!tap->socket)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		reading.rest = after_scheme(word->text, &schemes[i], "://");
		if (!reading.rest)
			continue;
		tap->kind = schemes[i].kind;
		return schemes[i].read(&reading);
	}
	return read_plain(&reading);
}

bool socket_like(const char *word)
{
	return *word == '@' || strpbrk(word, "/.:");
}
