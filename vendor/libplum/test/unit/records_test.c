/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "api/records.h"

#include "check.h"

static void grow(plum_records *t)
{
    size_t wants = plum_records_wants(t);
    if (wants > 0)
        free(plum_records_grow(t, calloc(wants, sizeof(plum_record *)), wants));
}

static void ten_thousand_are_found_until_removed(void)
{
    enum { COUNT = 10000 };
    plum_record *all = calloc(COUNT, sizeof *all);
    REQUIRE(all != NULL);
    plum_records t = {0};
    for (uint32_t i = 0; i < COUNT; i++) {
        grow(&t);
        all[i].id = i * 3 + 1;
        plum_records_insert(&t, &all[i]);
    }
    CHECK_EQ(t.count, COUNT);
    int wrong = 0;
    for (uint32_t i = 0; i < COUNT; i++)
        wrong +=
            plum_records_find(&t, i * 3 + 1) != &all[i] || plum_records_find(&t, i * 3 + 2) != NULL;
    CHECK_EQ(wrong, 0);
    for (uint32_t i = 0; i < COUNT; i += 2)
        plum_records_remove(&t, &all[i]);
    for (uint32_t i = 0; i < COUNT; i++)
        wrong += (plum_records_find(&t, i * 3 + 1) != NULL) != (i % 2 == 1);
    CHECK_EQ(wrong, 0);
    plum_records_remove(&t, &all[0]); /* gone already: nothing happens */
    CHECK_EQ(t.count, COUNT / 2);
    free(t.buckets);
    free(all);
}

static void late_buckets_come_back(void)
{
    plum_records t = {0};
    grow(&t);
    plum_record **late = calloc(8, sizeof *late);
    CHECK(plum_records_grow(&t, late, 8) == late);
    free(late);
    free(t.buckets);
}

static void an_empty_table_knows_nobody(void)
{
    plum_records t = {0};
    plum_record r = {.id = 1};
    CHECK(plum_records_find(&t, 1) == NULL);
    CHECK(plum_records_any(&t) == NULL);
    plum_records_remove(&t, &r);
    grow(&t);
    CHECK(plum_records_any(&t) == NULL);
    plum_records_insert(&t, &r);
    CHECK(plum_records_any(&t) == &r);
    free(t.buckets);
}

int main(void)
{
    RUN(ten_thousand_are_found_until_removed);
    RUN(late_buckets_come_back);
    RUN(an_empty_table_knows_nobody);
    return check_end();
}
