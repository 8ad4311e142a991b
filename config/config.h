/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration: text in, an immutable description of the taps out.
 *
 * Pure: no thread, no socket, no global state. The only file ever read is the
 * one that DNSTAP_CONFIG names. The grammar is that of CoreDNS's dnstap plugin
 * with the additions of dnstapshim.conf(5).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/filter/filter.h"
#include "proto/proxy.h"

#define CONFIG_TAPS_MAX         64
#define CONFIG_QUEUE_UNIT       10000 /* messages; `queue` multiplies it */
#define CONFIG_QUEUE_MAX        4096
#define CONFIG_WRITE_BUFFER_MAX 1024      /* MiB */
#define CONFIG_TEXT_MAX         (1 << 20) /* octets of a configuration */
#define CONFIG_IDENTITY_MAX     255
#define CONFIG_VERSION_MAX      255
#define CONFIG_EXTRA_MAX        1024 /* octets of the template's text */
#define CONFIG_HOST_NAME_MAX    64
#define CONFIG_SAMPLE_MAX       1000000
#define CONFIG_ROTATE_SIZE_MIN  4096
#define CONFIG_ROTATE_SIZE_MAX  (UINT64_C(1) << 50)
#define CONFIG_ROTATE_COUNT_MAX 1000000

enum endpoint_kind {
	ENDPOINT_UNIX, /* address: a path, or @name for an abstract socket */
	ENDPOINT_TCP,  /* address and port */
	ENDPOINT_TLS,  /* address and port */
	ENDPOINT_FILE, /* address: a path */
	ENDPOINT_KINDS /* how many */
};

enum tap_role {
	ROLE_AUTO, /* by each query's RD bit */
	ROLE_CLIENT,
	ROLE_AUTH,
};

/*
 * Every string that a tap owns, in UTF-8.
 *
 * socket: as written, for the log. address: without scheme, brackets and port; ""
 * for tcp and tls: any when listening, else loopback. port: decimal; NULL for unix
 * and file. identity, version: never NULL; "" leaves the field out. extra: the
 * template's text; NULL: none. tls_cert, tls_key, tls_ca: paths, or NULL.
 * tls_servername: NULL: the address.
 */
#define TAP_STRINGS(X) \
	X(socket)      \
	X(address)     \
	X(port)        \
	X(identity)    \
	X(version)     \
	X(extra)       \
	X(tls_cert)    \
	X(tls_key)     \
	X(tls_ca)      \
	X(tls_servername)

#define TAP_STRING(name) char *name;

/* One `dnstap` directive, every default filled in. */
struct tap_config {
	enum endpoint_kind kind;
	bool listen; /* collectors connect to us */
	TAP_STRINGS(TAP_STRING)
	bool full;             /* include the wire-format message */
	bool unidirectional;   /* START, data, STOP: no handshake */
	unsigned write_buffer; /* MiB of SO_SNDBUF for tcp and tls */
	unsigned queue;        /* times CONFIG_QUEUE_UNIT messages */
	bool skip_verify;
	uint32_t types; /* bit 1 << Dnstap.Message.Type; all by default */
	struct filter filter;
	enum tap_role role;
	unsigned sample;        /* one transaction in N; 1: every one */
	uint64_t rotate_size;   /* octets; 0: never */
	unsigned rotate_period; /* seconds, a divisor of a day; 0: never */
	unsigned rotate_count;  /* files kept; 0: all */
	bool timestamps;        /* in the names of files */
	bool current;           /* a link to the newest file */
	uint8_t anonymize_v4;   /* leading bits kept; 32: all */
	uint8_t anonymize_v6;   /* likewise; 128: all */
	const struct proxies *proxies; /* the configuration's */
};

enum log_target {
	LOG_TARGET_STDERR,
	LOG_TARGET_SYSLOG,
	LOG_TARGET_OFF,
	LOG_TARGET_FILE
};

struct config {
	size_t n_taps; /* 0: DNSTAP_CONFIG is unset or empty, do nothing */
	struct tap_config *taps;
	uint64_t ports[65536 / 64];     /* bitmap of DNS ports */
	uint64_t tls_ports[65536 / 64]; /* likewise, of DNS within TLS */
	bool https; /* and the port of HTTPS, where the process serves DNS */
	struct proxies proxies;
	enum log_target log;
	char *log_path;     /* for LOG_TARGET_FILE */
	char *metrics_path; /* NULL: none; %p is not expanded here */
	char *recorder;     /* the directory for flight recorders; NULL: none */
	char *program;      /* its name, in printing characters; may be "" */
};

/* The settings as the environment has them; NULL: not set. */
struct config_env {
	/* DNSTAP_CONFIG: text, or an absolute path; and what errors call it
	 * instead, or NULL. */
	const char *config, *config_name;
	const char *identity, *version, *extra;
	const char *ports, *tls_ports, *proxies, *log, *metrics, *recorder;
	const char *host_name; /* default identity */
	const char *program;   /* base name, for the default version */

	/* What {$NAME} and {%NAME%} in a word stand for, as in a Corefile; a
	 * result of NULL: nothing. NULL: they stand for themselves. */
	const char *(*lookup)(const char *name);
	char host[CONFIG_HOST_NAME_MAX + 1]; /* room for host_name */
};

/* One wrong word: a complete sentence, without a newline, that says where
 * (variable or file, line:column), the word, and what was expected. */
struct config_error {
	struct config_error *next;
	char text[];
};

/*
 * Reads the settings. What a tap says itself goes before a setting in the text,
 * that before the environment, and that before the built-in default. An empty
 * variable counts as unset. In a tap the last of two equal properties holds, as
 * in CoreDNS; a setting made twice in the text is an error.
 *
 * Returns 0 and *out (release with config_free), or -EINVAL
 * and every error found in *errors (release with config_errors_free), or
 * -ENOMEM. *out is assigned only on success. Thread-safe.
 */
int config_load(const struct config_env *env, struct config **out,
		struct config_error **errors);

/*
 * Reads the properties that choose messages, those of a tap's braces: types, name
 * and so on. `source` is what errors say that the text stands in. Adds to
 * tap->types and tap->filter of a tap that was given its defaults
 * (config_choice_init); release them with config_choice_free, also after an
 * error. Returns as config_load does.
 */
int config_choice_read(const char *text, const char *source,
		       struct tap_config *tap, struct config_error **errors);
void config_choice_init(struct tap_config *tap);
void config_choice_free(struct tap_config *tap);

/* Fills a config_env from secure_getenv(3), gethostname(2) and the program's
 * name. host_name points into *env. */
void config_env_read(struct config_env *env);

/* The same of variables that are kept elsewhere. */
void config_env_fill(struct config_env *env,
		     const char *(*lookup)(const char *name));

void config_free(struct config *config);
void config_errors_free(struct config_error *errors);

static inline bool config_has_port(const uint64_t *ports, uint16_t port)
{
	return ports[port >> 6] >> (port & 63) & 1;
}
