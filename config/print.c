/* SPDX-License-Identifier: Apache-2.0
 *
 * Printing a configuration: the tables of settings and properties, backwards.
 */
#include "config/print.h"

#include "config/property.h"
#include "config/setting.h"
#include "config/value.h"

static void print_settings(const struct config *config, FILE *out)
{
	for (size_t i = 0; i < settings_names.count; i++) {
		const struct setting *row = setting_at(i);

		if (!row->show)
			continue;
		fputs(row->name, out);
		row->show(config, out);
		fputc('\n', out);
	}
}

static void print_property(const struct property *row,
			   const struct tap_config *tap, FILE *out)
{
	const void *field = (const char *)tap + row->field;
	bool fits = !row->fits || row->fits(tap);

	if (row->is_on && !row->is_on(field)) {
		if (fits)
			fprintf(out, "\t# %s%s\n", row->name, row->form);
		return;
	}
	if (!fits && row->misfit)
		return;
	fprintf(out, "\t%s", row->name);
	if (row->show)
		row->show(field, out);
	fputc('\n', out);
}

/* The numbers have a place only after `full`; without it they are 1. */
static void print_tap(const struct tap_config *tap, FILE *out)
{
	fputs(tap->listen ? "\ndnstap listen " : "\ndnstap ", out);
	word_print(tap->socket, out);
	if (tap->full)
		fprintf(out, " full %u %u", tap->write_buffer, tap->queue);
	fputs(" {\n", out);
	for (size_t i = 0; i < properties.count; i++)
		print_property(property_at(i), tap, out);
	fputs("}\n", out);
}

void config_print(const struct config *config, FILE *out)
{
	print_settings(config, out);
	for (size_t i = 0; i < config->n_taps; i++)
		print_tap(&config->taps[i], out);
}
