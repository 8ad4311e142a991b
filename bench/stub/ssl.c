/* SPDX-License-Identifier: Apache-2.0
 *
 * A TLS library that does nothing, so that what a hook adds to a call can be seen. It
 * is known by these two.
 */
int SSL_read(void *ssl, void *to, int size);
int SSL_get_rfd(const void *ssl);

int SSL_read(void *ssl, void *to, int size)
{
	(void)ssl, (void)to;
	return size;
}

int SSL_get_rfd(const void *ssl)
{
	(void)ssl;
	return -1;
}
