/* SPDX-License-Identifier: Apache-2.0
 *
 * The environment as a configuration sees it. secure_getenv: in a privileged
 * process nothing of it is trusted.
 */
#include "config/config.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static const char *lookup(const char *name)
{
	return secure_getenv(name);
}

void config_env_read(struct config_env *env)
{
	*env = (struct config_env){
		.config = lookup("DNSTAP_CONFIG"),
		.identity = lookup("DNSTAP_IDENTITY"),
		.version = lookup("DNSTAP_VERSION"),
		.extra = lookup("DNSTAP_EXTRA"),
		.ports = lookup("DNSTAP_PORTS"),
		.log = lookup("DNSTAP_LOG"),
		.metrics = lookup("DNSTAP_METRICS"),
		.lookup = lookup,
		.host_name = env->host,
		.program = program_invocation_short_name,
	};
	if (gethostname(env->host, sizeof(env->host) - 1) != 0)
		env->host[0] = '\0';
}
