/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Runs a target over files, and over the files of folders, without libFuzzer. */
#include <dirent.h>

#include "fuzz.h"

static size_t inputs;

static void run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        exit(2);
    }
    uint8_t *bytes = NULL;
    size_t size = 0, room = 0, got = 0;
    do {
        size += got;
        if (size == room) {
            room = room ? room * 2 : 4096;
            bytes = realloc(bytes, room);
            FUZZ_CHECK(bytes != NULL);
        }
        got = fread(bytes + size, 1, room - size, f);
    } while (got > 0);
    if (ferror(f)) {
        perror(path);
        exit(2);
    }
    fclose(f);
    uint8_t *exact = fuzz_exact(bytes, size);
    free(bytes);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    inputs++;
}

static void run(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder) {
        run_file(path);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        size_t size = strlen(path) + strlen(entry->d_name) + 2;
        char *inside = malloc(size);
        FUZZ_CHECK(inside != NULL);
        snprintf(inside, size, "%s/%s", path, entry->d_name);
        run_file(inside);
        free(inside);
    }
    closedir(folder);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        run(argv[i]);
    printf("%zu inputs\n", inputs);
    return inputs > 0 ? 0 : 1;
}
