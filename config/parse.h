/* SPDX-License-Identifier: Apache-2.0
 *
 * The grammar: words → settings and taps.
 *
 *	configuration = { separator | setting | tap }
 *	setting       = NAME word...
 *	tap           = [ "dnstap" ] [ "listen" ] SOCKET
 *	                [ "full" [ writebuffer [ queue ] ] ] [ block ]
 *	block         = "{" { separator | property } "}"
 *	property      = NAME word...
 *
 * A setting, and a tap without a block, end at a separator. So does a property,
 * or before "}"; one that takes a fixed number of words also ends after these, so
 * that others may follow on its line, as in a Corefile.
 */
#pragma once

#include "config/lex.h"
#include "config/setting.h"

/* Adds what the text, of the properties that choose messages, says to *tap. A brace
 * is an end of a line. */
void parse_choice(struct reader *reader, struct tap_config *tap);

/* Adds what the text sets to *settings; errors go to the reader's. */
void parse_configuration(struct reader *reader, struct settings *settings);
