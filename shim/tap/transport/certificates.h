/* SPDX-License-Identifier: Apache-2.0
 *
 * The certificates and keys of a tap, read while the host can still read them,
 * and the TLS context that is made of them.
 */
#pragma once

#include <openssl/ssl.h>

#include "shim/tap/transport/transport.h"

/* As transport_ops.prepare: reads the files that the tap names, or the system's
 * certificate authorities. */
int certificates_prepare(const struct tap_config *config,
			 struct prepared **prepared, char *error);
void certificates_unprepare(struct prepared *prepared);
bool certificates_differ(const struct prepared *then,
			 const struct prepared *now);

/* As transport_ops.try: the tap's own files; the system's are not the user's fault. */
int certificates_try(const struct tap_config *config,
		     const struct prepared *prepared, char *error);

/*
 * A context in an OpenSSL library context of its own: made anew in every
 * process and by the tap's own thread, as a forked child can use nothing whose
 * locks another thread of its parent may have held. Returns NULL, and in
 * `error` why. Release with certificates_free.
 */
SSL_CTX *certificates_context(const struct tap_config *config,
			      const struct prepared *prepared, char *error);
void certificates_free(SSL_CTX *context);
