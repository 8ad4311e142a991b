/* SPDX-License-Identifier: Apache-2.0
 *
 * Growing delays, and few words.
 */
#include "shim/tap/endpoint/retry.h"

#include <stdio.h>
#include <string.h>

#include "shim/base/clock.h"
#include "shim/base/log.h"

#define FIRST_NS (10 * NS_PER_MS)
#define MAX_NS   (5 * NS_PER_S)
#define GOOD_NS  NS_PER_S /* what ends sooner was not good */

void retry_begin(struct retry *retry)
{
	*retry = (struct retry){ .delay = FIRST_NS };
}

void retry_succeeded(struct retry *retry, uint64_t now_ns)
{
	retry->good_at = now_ns;
}

bool retry_is_good(const struct retry *retry, uint64_t now_ns)
{
	return retry->good_at && now_ns - retry->good_at >= GOOD_NS;
}

bool retry_is_news(struct retry *retry, const char *text)
{
	for (size_t i = 0; i < RETRY_SAID_MAX; i++)
		if (!strncmp(retry->said[i], text, RETRY_SAID_SIZE - 1))
			return false;
	snprintf(retry->said[retry->count++ % RETRY_SAID_MAX], RETRY_SAID_SIZE,
		 "%s", text);
	return true;
}

static void say(uint64_t delay, const char *tap, const char *cause)
{
	if (delay == 0)
		log_line(tap, "%s; trying again", cause);
	else if (delay < MAX_NS)
		log_line(tap, "%s; retrying in %llu ms, later every %llu s",
			 cause, delay / NS_PER_MS, MAX_NS / NS_PER_S);
	else
		log_line(tap, "%s; retrying every %llu s", cause,
			 MAX_NS / NS_PER_S);
}

void retry_failed(struct retry *retry, const char *tap, const char *cause,
		  uint64_t now_ns)
{
	if (retry_is_good(retry, now_ns)) {
		retry->delay = 0;
		memset(retry->said, 0, sizeof(retry->said));
	}
	retry->good_at = 0;
	if (retry_is_news(retry, cause))
		say(retry->delay, tap, cause);
	retry->at = now_ns + retry->delay;
	retry->delay = retry->delay ? 2 * retry->delay : FIRST_NS;
	if (retry->delay > MAX_NS)
		retry->delay = MAX_NS;
}
