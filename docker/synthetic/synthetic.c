/*
 * synthetic: a task whose CPU time, memory and file work can be chosen.
 *
 * It multiplies SIZE x SIZE matrices, keeps a block of memory in use, writes and reads back a scratch file, and
 * reports what it does line by line, each line at once, so that a reader sees where it was when its VM froze.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PASSES = 120, STEPS = 10, MEGABYTE = 1024 * 1024, PAGE = 4096 };

static const double TICK = 0.1; /* seconds of one round of timed work */

struct settings {
    long size;         /* rows of the matrices */
    long iterations;   /* rounds of work, each with a line of its own */
    long memory;       /* MB kept in use */
    long file;         /* MB written and read back in every iteration */
    long load;         /* percent of each tick of timed work spent on the CPU */
    double seconds;    /* length of the work; 0: as long as its size takes */
    const char *path;  /* of the scratch file */
};

struct matrices {
    long size;
    double *left, *right, *product;
};

static const char USAGE[] =
    "Usage: synthetic SIZE [OPTION VALUE]...\n"
    "  SIZE             rows of the matrices to multiply; the time grows with its cube\n"
    "  --iterations N   rounds of work (2)\n"
    "  --memory MB      memory kept in use (16)\n"
    "  --file MB        written and read back in every round (1)\n"
    "  --seconds S      make the work last S seconds, whatever its size; time spent frozen does not count (0: off)\n"
    "  --load PERCENT   of one core, with --seconds (100)\n"
    "  --path FILE      the scratch file, removed at the end (synthetic.tmp)\n"
    "Each option can be given as well by the environment: SYNTHETIC_SECONDS=10 and so on.\n";

static void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("synthetic: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static void misuse(const char *problem, const char *value) {
    fprintf(stderr, "synthetic: %s: %s\n%s", problem, value, USAGE);
    exit(2);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void *allocate(size_t bytes) {
    void *block = malloc(bytes);
    if (block == NULL) fail("no %zu bytes of memory to be had", bytes);
    return block;
}

/* ---- settings ---- */

static double read_number(const char *name, const char *text, double least, double most) {
    char *end;
    errno = 0;
    double number = strtod(text, &end);
    if (errno != 0 || end == text || *end != '\0' || !(number >= least && number <= most)) misuse(name, text);
    return number;
}

static void set_option(struct settings *settings, const char *name, const char *value) {
    if (strcmp(name, "iterations") == 0) settings->iterations = (long)read_number(name, value, 1, 1e6);
    else if (strcmp(name, "memory") == 0) settings->memory = (long)read_number(name, value, 0, 1e6);
    else if (strcmp(name, "file") == 0) settings->file = (long)read_number(name, value, 0, 1e6);
    else if (strcmp(name, "seconds") == 0) settings->seconds = read_number(name, value, 0, 1e7);
    else if (strcmp(name, "load") == 0) settings->load = (long)read_number(name, value, 0, 100);
    else if (strcmp(name, "path") == 0) settings->path = value;
    else misuse("no such option", name);
}

static void read_environment(struct settings *settings) {
    static const char *const options[][2] = {
        {"iterations", "SYNTHETIC_ITERATIONS"}, {"memory", "SYNTHETIC_MEMORY"}, {"file", "SYNTHETIC_FILE"},
        {"seconds", "SYNTHETIC_SECONDS"},       {"load", "SYNTHETIC_LOAD"},     {"path", "SYNTHETIC_PATH"},
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        const char *value = getenv(options[i][1]);
        if (value != NULL) set_option(settings, options[i][0], value);
    }
}

static struct settings read_settings(int count, char **arguments) {
    struct settings settings = {0, 2, 16, 1, 100, 0.0, "synthetic.tmp"};
    read_environment(&settings);
    if (count < 2) misuse("missing", "SIZE");
    settings.size = (long)read_number("SIZE", arguments[1], 1, 20000);
    for (int i = 2; i < count; i += 2) {
        if (strncmp(arguments[i], "--", 2) != 0) misuse("not an option", arguments[i]);
        if (i + 1 == count) misuse("no value for", arguments[i]);
        set_option(&settings, arguments[i] + 2, arguments[i + 1]);
    }
    return settings;
}

/* ---- report ---- */

static long status_kilobytes(const char *field) {
    char line[256];
    long kilobytes = 0;
    FILE *status = fopen("/proc/self/status", "r");
    if (status == NULL) return 0;
    while (fgets(line, sizeof line, status) != NULL)
        if (strncmp(line, field, strlen(field)) == 0) kilobytes = strtol(line + strlen(field), NULL, 10);
    fclose(status);
    return kilobytes;
}

static void report_settings(const struct settings *settings) {
    puts("############################################");
    printf("SIZE: %ld\nNUM_ITERATIONS: %ld\n", settings->size, settings->iterations);
    printf("MEMORY_MB: %ld\nFILE_MB: %ld\n", settings->memory, settings->file);
    if (settings->seconds > 0) printf("SECONDS: %g\nLOAD: %ld %%\n", settings->seconds, settings->load);
    putchar('\n');
}

static void report_memory(void) {
    printf("Mem Size kB:\t\t%ld\nMem Heap kB:\t\t%ld\n", status_kilobytes("VmSize:"), status_kilobytes("VmData:"));
}

static void report_end(double started) {
    char text[64];
    time_t clock = time(NULL);
    struct tm utc;
    gmtime_r(&clock, &utc);
    strftime(text, sizeof text, "%a %b %e %H:%M:%S %Y UTC", &utc);
    printf("finished computation at %s\nelapsed time: %.4fs\n", text, now() - started);
}

/* ---- CPU ---- */

static struct matrices make_matrices(long size) {
    size_t cells = (size_t)size * (size_t)size;
    struct matrices matrices = {size, allocate(cells * sizeof(double)), allocate(cells * sizeof(double)),
                                allocate(cells * sizeof(double))};
    for (size_t i = 0; i < cells; i++) {
        matrices.left[i] = (double)(i % 7) / 7.0;
        matrices.right[i] = (double)(i % 5) / 5.0;
        matrices.product[i] = 0.0;
    }
    return matrices;
}

static void multiply_row(struct matrices *matrices, long row) {
    long size = matrices->size;
    double *target = matrices->product + row * size;
    memset(target, 0, (size_t)size * sizeof(double));
    for (long k = 0; k < size; k++) {
        const double factor = matrices->left[row * size + k], *source = matrices->right + k * size;
        for (long column = 0; column < size; column++) target[column] += factor * source[column];
    }
}

static double checksum(const struct matrices *matrices) {
    double sum = 0.0;
    for (long i = 0; i < matrices->size * matrices->size; i++) sum += matrices->product[i];
    return sum;
}

static void report_step(long step, double started) { printf("step %ld/%d at %.2fs\n", step, STEPS, now() - started); }

static void work_by_size(struct matrices *matrices, double started) {
    for (long pass = 0; pass < PASSES; pass++) {
        for (long row = 0; row < matrices->size; row++) multiply_row(matrices, row);
        if ((pass + 1) % (PASSES / STEPS) == 0) report_step((pass + 1) / (PASSES / STEPS), started);
    }
}

static void rest_until(double end) {
    double left = end - now();
    if (left <= 0) return;
    struct timespec pause = {(time_t)left, (long)(fmod(left, 1.0) * 1e9)};
    nanosleep(&pause, NULL);
}

/* A tick counts as no more than two ticks, however long it was: while the VM is frozen no work is done. */
static void work_by_time(struct matrices *matrices, double seconds, long load, double started) {
    double done = 0.0;
    for (long reported = 0, row = 0; done < seconds;) {
        double begin = now(), busy_until = begin + TICK * (double)load / 100.0;
        while (now() < busy_until) multiply_row(matrices, row = (row + 1) % matrices->size);
        rest_until(begin + fmin(TICK, seconds - done));
        done += fmin(now() - begin, 2 * TICK);
        long step = (long)fmin(STEPS, STEPS * done / seconds);
        if (step > reported) report_step(reported = step, started);
    }
}

/* ---- memory and files ---- */

static void touch_memory(unsigned char *block, size_t bytes, unsigned char mark, unsigned char expected) {
    for (size_t i = 0; i < bytes; i += PAGE) {
        if (block[i] != expected) fail("memory changed at byte %zu", i);
        block[i] = mark;
    }
}

static void write_file(const char *path, long megabytes, const unsigned char *block) {
    FILE *file = fopen(path, "wb");
    if (file == NULL) fail("%s: %s", path, strerror(errno));
    for (long i = 0; i < megabytes; i++)
        if (fwrite(block, MEGABYTE, 1, file) != 1) fail("%s: %s", path, strerror(errno));
    if (fflush(file) != 0 || fsync(fileno(file)) != 0 || fclose(file) != 0) fail("%s: %s", path, strerror(errno));
}

static void check_file(const char *path, long megabytes, const unsigned char *block, unsigned char *buffer) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) fail("%s: %s", path, strerror(errno));
    for (long i = 0; i < megabytes; i++)
        if (fread(buffer, MEGABYTE, 1, file) != 1 || memcmp(buffer, block, MEGABYTE) != 0)
            fail("%s: not what was written", path);
    fclose(file);
}

static void work_on_file(const struct settings *settings, unsigned char mark) {
    if (settings->file == 0) return;
    unsigned char *block = allocate(MEGABYTE), *buffer = allocate(MEGABYTE);
    memset(block, mark, MEGABYTE);
    write_file(settings->path, settings->file, block);
    check_file(settings->path, settings->file, block, buffer);
    unlink(settings->path);
    free(block);
    free(buffer);
}

static void iterate(const struct settings *settings, struct matrices *matrices, unsigned char *memory, long round) {
    double started = now(), seconds = settings->seconds / (double)settings->iterations;
    printf("INT: %ld\n", round);
    touch_memory(memory, (size_t)settings->memory * MEGABYTE, (unsigned char)(round + 1), (unsigned char)round);
    work_on_file(settings, (unsigned char)round);
    if (seconds > 0) work_by_time(matrices, seconds, settings->load, started);
    else work_by_size(matrices, started);
    report_end(started);
}

int main(int count, char **arguments) {
    double started = now();
    setvbuf(stdout, NULL, _IOLBF, 0);
    struct settings settings = read_settings(count, arguments);
    struct matrices matrices = make_matrices(settings.size);
    unsigned char *memory = allocate((size_t)settings.memory * MEGABYTE + 1);
    memset(memory, 0, (size_t)settings.memory * MEGABYTE + 1);
    report_settings(&settings);
    report_memory();
    for (long round = 0; round < settings.iterations; round++) iterate(&settings, &matrices, memory, round);
    printf("checksum: %.6g\n", checksum(&matrices));
    report_end(started);
    return 0;
}
