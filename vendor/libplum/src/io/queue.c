/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "io/queue.h"

void plum_queue_init(plum_queue *q)
{
    plum_link_init(&q->commands);
    q->signalled = false;
}

bool plum_queue_signal(plum_queue *q)
{
    bool first = !q->signalled;
    q->signalled = true;
    return first;
}

bool plum_queue_push(plum_queue *q, plum_link *command)
{
    if (plum_link_is_alone(command))
        plum_link_append(&q->commands, command);
    return plum_queue_signal(q);
}

void plum_queue_take(plum_queue *q, plum_link *out)
{
    q->signalled = false;
    if (plum_link_is_alone(&q->commands))
        return;
    *out = q->commands;
    out->next->prev = out;
    out->prev->next = out;
    plum_link_init(&q->commands);
}
