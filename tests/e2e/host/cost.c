/* SPDX-License-Identifier: Apache-2.0
 *
 * A server that receives and sends the same messages in each of the ways that matter,
 * and has callgrind write down after each what that took.
 */
#include <valgrind/callgrind.h>

#include "host.h"

#define MESSAGES 640 /* of each scene */
#define WARM     64  /* and before it, which do not count */
#define BATCH    32
#define SIZE     64
#define RECEIVE  (8 << 20) /* octets: all that is received was sent before */

static int udp, tcp;
static struct sockaddr_in client;

struct message {
	unsigned char length[2], octets[SIZE]; /* for TCP with both */
};

static struct message message[BATCH];
static struct iovec part[BATCH];
static struct mmsghdr batch[BATCH];

static void prepare_batch(void)
{
	for (int i = 0; i < BATCH; i++) {
		part[i] = (struct iovec){ message[i].octets, SIZE };
		batch[i].msg_hdr = (struct msghdr){
			.msg_name = &client,
			.msg_namelen = sizeof(client),
			.msg_iov = &part[i],
			.msg_iovlen = 1,
		};
	}
}

/* The question came with the queries that were received. */
static void prepare_response(int i, int id)
{
	message[i].length[1] = SIZE;
	message[i].octets[0] = id >> 8;
	message[i].octets[1] = id;
	message[i].octets[2] = 0x84;
}

static void receive(int i)
{
	socklen_t size = sizeof(client);

	(void)i;
	MUST(recvfrom(udp, message[0].octets, SIZE, 0,
		      (struct sockaddr *)&client, &size) == SIZE);
}

static void transmit(int i)
{
	prepare_response(0, i);
	MUST(sendto(udp, message[0].octets, SIZE, 0, (struct sockaddr *)&client,
		    sizeof(client)) == SIZE);
}

static void receive_batch(int i)
{
	if (i % BATCH)
		return;
	prepare_batch();
	MUST(recvmmsg(udp, batch, BATCH, 0, NULL) == BATCH);
}

static void transmit_batch(int i)
{
	if (i % BATCH)
		return;
	for (int k = 0; k < BATCH; k++)
		prepare_response(k, i + k);
	MUST(sendmmsg(udp, batch, BATCH, 0) == BATCH);
}

static void read_stream(int i)
{
	(void)i;
	MUST(recv(tcp, &message[0], sizeof(message[0]), MSG_WAITALL) ==
	     sizeof(message[0]));
}

static void write_stream(int i)
{
	prepare_response(0, i);
	MUST(send(tcp, &message[0], sizeof(message[0]), 0) ==
	     sizeof(message[0]));
}

static void play(const char *name, void (*pass)(int))
{
	for (int i = 0; i < WARM; i++)
		pass(i);
	CALLGRIND_DUMP_STATS; /* and all that was before it */
	for (int i = 0; i < MESSAGES; i++)
		pass(WARM + i);
	CALLGRIND_DUMP_STATS_AT(name);
}

int main(void)
{
	struct sockaddr_in name = host_address(ADDRESS, 53);
	int octets = RECEIVE, listener = socket(AF_INET, SOCK_STREAM, 0);

	udp = socket(AF_INET, SOCK_DGRAM, 0);
	MUST(!setsockopt(udp, SOL_SOCKET, SO_RCVBUFFORCE, &octets,
			 sizeof(octets)));
	MUST(!bind(udp, (struct sockaddr *)&name, sizeof(name)));
	MUST(!bind(listener, (struct sockaddr *)&name, sizeof(name)));
	MUST(!listen(listener, 1));
	MUST((tcp = accept(listener, NULL, NULL)) >= 0);

	play("received", receive);
	play("sent", transmit);
	play("received-batch", receive_batch);
	play("sent-batch", transmit_batch);
	play("received-tcp", read_stream);
	play("sent-tcp", write_stream);
	MUST(shutdown(tcp, SHUT_WR) == 0);

	/* Until what was captured has been sent. */
	MUST(recv(tcp, &message[0], 1, 0) == 0);
	return 0;
}
