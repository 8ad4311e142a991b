/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading and writing a proxy's introduction, and the list of those who may.
 */
#include "proto/proxy.h"

#include <arpa/inet.h>
#include <string.h>

#include "proto/common.h"

#define V2_FIXED   16 /* signature, version and command, family, length */
#define SIGNATURE  "\r\n\r\n\0\r\nQUIT\n"
#define V2_LOCAL   0x20
#define V2_PROXY   0x21
#define LINE_BEGIN "PROXY "

/* Version 2's families, and what their addresses take. */
static const struct family {
	uint8_t code, address; /* octets of one address */
	uint16_t size;         /* octets of both and of their ports */
	bool inet6, datagram;
} families[] = {
	{ 0x00, 0, 0, false, false },   /* unspecified */
	{ 0x11, 4, 12, false, false },  /* TCP over INET */
	{ 0x12, 4, 12, false, true },   /* UDP over INET */
	{ 0x21, 16, 36, true, false },  /* TCP over INET6 */
	{ 0x22, 16, 36, true, true },   /* UDP over INET6 */
	{ 0x31, 0, 216, false, false }, /* unix: names, which are no address */
	{ 0x32, 0, 216, false, true },
};

static const struct family *family_of(uint8_t code)
{
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		if (families[i].code == code)
			return &families[i];
	return NULL;
}

static uint16_t get16(const uint8_t *octets)
{
	return octets[0] << 8 | octets[1];
}

/* True if the octets begin with the text, as far as they go. */
static bool begins(const uint8_t *octets, size_t size, const char *text,
		   size_t length)
{
	return !memcmp(octets, text, size < length ? size : length);
}

static void get_addresses(struct proxy *proxy, const struct family *family,
			  const uint8_t *at)
{
	size_t size = family->address;

	proxy->known = true;
	proxy->inet6 = family->inet6;
	proxy->datagram = family->datagram;
	memcpy(proxy->source, at, size);
	memcpy(proxy->destination, at + size, size);
	proxy->source_port = get16(at + 2 * size);
	proxy->destination_port = get16(at + 2 * size + 2);
}

static long read_v2(const uint8_t *octets, size_t size, struct proxy *proxy)
{
	if (size < V2_FIXED)
		return PROXY_MORE;
	uint8_t command = octets[12];
	uint16_t length = get16(octets + 14);
	const struct family *family = family_of(octets[13]);
	if (command == V2_LOCAL) {
		*proxy = (struct proxy){ 0 };
		return V2_FIXED + length;
	}
	if (command != V2_PROXY || !family || length < family->size)
		return PROXY_NONE;
	if (family->address && size < V2_FIXED + (size_t)family->size)
		return PROXY_MORE;
	*proxy = (struct proxy){ 0 };
	if (family->address)
		get_addresses(proxy, family, octets + V2_FIXED);
	return V2_FIXED + length;
}

/* Takes the next word of a line: what stands before the next space, or the end.
 * Returns NULL if it is empty. */
static const char *next_word(char **line)
{
	char *word = *line;

	if (!word || !*word || *word == ' ')
		return NULL;
	*line = strchr(word, ' ');
	if (*line)
		*(*line)++ = '\0';
	return word;
}

static bool read_address(char **line, bool inet6, uint8_t address[16])
{
	const char *word = next_word(line);

	return word &&
	       inet_pton(inet6 ? AF_INET6 : AF_INET, word, address) == 1;
}

static bool read_port(char **line, uint16_t *port)
{
	const char *word = next_word(line);
	uint32_t value = 0;

	if (!word || (*word == '0' && word[1]))
		return false;
	for (; *word; word++) {
		if (*word < '0' || *word > '9')
			return false;
		value = value * 10 + (*word - '0');
		if (value > UINT16_MAX)
			return false;
	}
	*port = value;
	return true;
}

/* "TCP4 SOURCE DESTINATION PORT PORT"; behind UNKNOWN anything may stand. */
static bool read_words(char *line, struct proxy *proxy)
{
	const char *family = next_word(&line);

	*proxy = (struct proxy){ 0 };
	if (family && !strcmp(family, "UNKNOWN"))
		return true;
	if (!family || (strcmp(family, "TCP4") && strcmp(family, "TCP6")))
		return false;
	proxy->known = true;
	proxy->inet6 = family[3] == '6';
	return read_address(&line, proxy->inet6, proxy->source) &&
	       read_address(&line, proxy->inet6, proxy->destination) &&
	       read_port(&line, &proxy->source_port) &&
	       read_port(&line, &proxy->destination_port) && !line;
}

static long read_v1(const uint8_t *octets, size_t size, struct proxy *proxy)
{
	const size_t begin = strlen(LINE_BEGIN);
	size_t most = size < PROXY_SEEN_MAX ? size : PROXY_SEEN_MAX;
	const uint8_t *end = memchr(octets, '\r', most);
	char line[PROXY_SEEN_MAX];
	struct proxy found;

	if (!end)
		return most == PROXY_SEEN_MAX ? PROXY_NONE : PROXY_MORE;
	size_t length = end - octets;
	if (length < begin || memchr(octets, '\0', length))
		return PROXY_NONE;
	if (length + 1 == most)
		return most == PROXY_SEEN_MAX ? PROXY_NONE : PROXY_MORE;
	memcpy(line, octets + begin, length - begin);
	line[length - begin] = '\0';
	if (end[1] != '\n' || !read_words(line, &found))
		return PROXY_NONE;
	*proxy = found;
	return length + 2;
}

long proxy_read(const uint8_t *octets, size_t size, struct proxy *proxy)
{
	if (begins(octets, size, SIGNATURE, sizeof(SIGNATURE) - 1))
		return read_v2(octets, size, proxy);
	if (begins(octets, size, LINE_BEGIN, strlen(LINE_BEGIN)))
		return read_v1(octets, size, proxy);
	return PROXY_NONE;
}

static void put16(uint8_t *octets, uint16_t value)
{
	octets[0] = value >> 8;
	octets[1] = (uint8_t)value;
}

size_t proxy_write(const struct proxy *proxy, uint8_t octets[PROXY_WRITTEN_MAX])
{
	size_t size = proxy->inet6 ? 16 : 4;
	uint8_t *at = octets + V2_FIXED;

	memcpy(octets, SIGNATURE, sizeof(SIGNATURE) - 1);
	octets[12] = proxy->known ? V2_PROXY : V2_LOCAL;
	octets[13] = 0;
	put16(octets + 14, 0);
	if (!proxy->known)
		return V2_FIXED;
	octets[13] = (proxy->inet6 ? 0x20 : 0x10) | (proxy->datagram ? 2 : 1);
	put16(octets + 14, 2 * size + 4);
	memcpy(at, proxy->source, size);
	memcpy(at + size, proxy->destination, size);
	put16(at + 2 * size, proxy->source_port);
	put16(at + 2 * size + 2, proxy->destination_port);
	return V2_FIXED + 2 * size + 4;
}

const struct proxies proxies_anybody = { .any = true };

bool proxies_same(const struct proxies *a, const struct proxies *b)
{
	return a->any == b->any && networks_same(&a->networks, &b->networks);
}

void proxies_release(struct proxies *proxies)
{
	networks_release(&proxies->networks);
	*proxies = (struct proxies){ 0 };
}
