/* SPDX-License-Identifier: Apache-2.0
 *
 * What a program that is linked with no TLS library finds of one by dlsym(3), before
 * and after it has loaded one for itself, and in that one.
 */
#include <dlfcn.h>
#include <stdio.h>

static const char *const names[] = {
	"SSL_read",           "SSL_read_ex",        "SSL_write",
	"SSL_write_ex",       "SSL_peek",           "SSL_free",
	"gnutls_record_recv", "gnutls_record_send", "gnutls_deinit",
};

static void look(const char *where, void *handle)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		void *found = dlsym(handle, names[i]);
		Dl_info info = { .dli_fname = "nowhere" };

		if (found)
			dladdr(found, &info);
		printf("%s %s: %s\n", where, names[i], info.dli_fname);
	}
}

int main(void)
{
	void *ssl, *gnutls;

	look("default", RTLD_DEFAULT);
	look("next", RTLD_NEXT);
	ssl = dlopen("libssl.so.3", RTLD_NOW | RTLD_LOCAL);
	gnutls = dlopen("libgnutls.so.30", RTLD_NOW | RTLD_LOCAL);
	if (!ssl || !gnutls)
		return 1;
	look("libssl", ssl);
	look("libgnutls", gnutls);
	return 0;
}
