/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration as the library would read it, for run and check.
 */
#pragma once

#include "config/config.h"

/*
 * text: what DNSTAP_CONFIG is to be; NULL: as the environment has it. program:
 * the name that stands in the default version. Returns EX_OK and *config
 * (release with config_free), or says on stderr all that is wrong and returns
 * another exit status.
 */
int settings_load(const char *text, const char *program,
		  struct config **config);
