/* SPDX-License-Identifier: Apache-2.0
 *
 * Dialling or listening.
 */
#include "shim/tap/endpoint/endpoint.h"

#include <stdlib.h>

struct endpoint *endpoint_new(const struct tap_config *config,
			      const struct prepared *prepared)
{
	const struct endpoint_ops *ops =
		config->listen ? &endpoint_listen : &endpoint_outgoing;
	struct endpoint *endpoint = calloc(1, ops->size);

	if (!endpoint)
		return NULL;
	endpoint->ops = ops;
	endpoint->config = config;
	if (!ops->begin(endpoint, prepared))
		return endpoint;
	free(endpoint);
	return NULL;
}

void endpoint_free(struct endpoint *endpoint)
{
	if (!endpoint)
		return;
	endpoint->ops->end(endpoint);
	free(endpoint);
}
