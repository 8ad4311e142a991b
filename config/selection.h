/* SPDX-License-Identifier: Apache-2.0
 *
 * What a tap takes of the traffic: the properties types, role, sample and
 * anonymize, read from words and written as words.
 *
 * The functions are those of a row of properties (property.h).
 */
#pragma once

#include <stdio.h>

#include "config/config.h"
#include "config/error.h"
#include "config/value.h"

extern const uint32_t selection_all_types, selection_response_types;

/* The types that can be, given how a server's own queries are typed. */
uint32_t selection_possible_types(enum tap_role role);

void selection_set_types(void *field, const struct words *words,
			 struct errors *errors);
void selection_set_role(void *field, const struct words *words,
			struct errors *errors);
void selection_set_sample(void *field, const struct words *words,
			  struct errors *errors);
void selection_set_anonymize(void *field, const struct words *words,
			     struct errors *errors);

void selection_show_types(const void *field, FILE *out);
void selection_show_role(const void *field, FILE *out);
void selection_show_sample(const void *field, FILE *out);
void selection_show_anonymize(const void *field, FILE *out);
