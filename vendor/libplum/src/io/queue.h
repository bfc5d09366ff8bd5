/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Commands on their way to the loop's thread. Intrusive, so that handing one in allocates nothing;
 * no lock of its own: the owner's mutex guards it. */
#ifndef PLUM_IO_QUEUE_H
#define PLUM_IO_QUEUE_H

#include "base/list.h"

typedef struct {
    plum_link commands;
    bool signalled; /* a wake-up is on its way or the loop is about to look */
} plum_queue;

void plum_queue_init(plum_queue *q);

/* Appends (a command that waits already keeps its place). True: the caller must wake the loop once
 * the lock is released; a thousand commands are one wake-up. */
bool plum_queue_push(plum_queue *q, plum_link *command);

/* As a push without a command: something beside the queue has changed. */
bool plum_queue_signal(plum_queue *q);

/* Moves all commands to `out`, which must be empty. The next push signals again. */
void plum_queue_take(plum_queue *q, plum_link *out);

#endif
