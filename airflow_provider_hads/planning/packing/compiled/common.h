/* What the compiled searches share: Python's random numbers, lists of tasks, and arguments that are arrays. */
#ifndef HADS_COMMON_H
#define HADS_COMMON_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define WORDS 624

/* The Mersenne Twister in the state that random.Random().getstate() tells: its words, and how many are used. */
typedef struct {
    uint32_t word[WORDS];
    uint32_t used;
} Random;

static inline uint32_t next_word(Random *self)
{
    uint32_t *word = self->word, y;
    if (self->used >= WORDS) {
        for (int k = 0; k < WORDS; k++) {
            y = (word[k] & 0x80000000U) | (word[(k + 1) % WORDS] & 0x7fffffffU);
            word[k] = word[(k + 397) % WORDS] ^ (y >> 1) ^ ((y & 1) ? 0x9908b0dfU : 0U);
        }
        self->used = 0;
    }
    y = word[self->used++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680U;
    y ^= (y << 15) & 0xefc60000U;
    return y ^ (y >> 18);
}

/* What random.random() returns. */
static inline double next_random(Random *self)
{
    uint32_t high = next_word(self) >> 5, low = next_word(self) >> 6;
    return (high * 67108864.0 + low) * (1.0 / 9007199254740992.0);
}

/* A number from 0 to count - 1: int(random() * count). */
static inline int next_below(Random *self, int count)
{
    return (int)(next_random(self) * count);
}

/* Say whether a change is too dear by the rule of Metropolis; the logarithm is left out where it decides nothing. */
static inline int is_too_dear(double change, double drawn, double temperature)
{
    if (change <= 0)
        return 0;
    if (change > 700 * temperature)
        return 1;
    return change > -temperature * log(drawn == 0.0 ? 1e-300 : drawn);
}

/* Dollars by which a change may raise the cost, at random. */
static inline double next_allowed(Random *self, double temperature)
{
    double drawn = next_random(self);
    return -temperature * log(drawn == 0.0 ? 1e-300 : drawn);
}

/* Tasks in an order. */
typedef struct {
    int *task;
    int count, room;
} Queue;

static inline int queue_reserve(Queue *self, int count)
{
    if (self->task != NULL && count <= self->room)
        return 0;
    int room = count < 8 ? 8 : 2 * count;
    int *grown = realloc(self->task, room * sizeof *grown);
    if (grown == NULL)
        return -1;
    self->task = grown;
    self->room = room;
    return 0;
}

static inline int queue_append(Queue *self, int task)
{
    if (queue_reserve(self, self->count + 1) < 0)
        return -1;
    self->task[self->count++] = task;
    return 0;
}

static inline int queue_index(const Queue *self, int task)
{
    int place = 0;
    while (self->task[place] != task)
        place++;
    return place;
}

static inline void queue_remove(Queue *self, int task)
{
    int place = queue_index(self, task);
    self->count--;
    memmove(self->task + place, self->task + place + 1, (self->count - place) * sizeof *self->task);
}

static inline void queues_free(Queue *queues, int count)
{
    if (queues != NULL)
        for (int number = 0; number < count; number++)
            free(queues[number].task);
    free(queues);
}

/* Return queues that hold, one after the other, counts[n] of the given tasks; NULL without memory. */
static inline Queue *queues_new(const int *tasks, const int *counts, int count)
{
    Queue *queues = calloc(count > 0 ? count : 1, sizeof *queues);
    for (int number = 0; queues != NULL && number < count; number++) {
        if (queue_reserve(&queues[number], counts[number]) < 0) {
            queues_free(queues, count);
            return NULL;
        }
        memcpy(queues[number].task, tasks, counts[number] * sizeof *tasks);
        queues[number].count = counts[number];
        tasks += counts[number];
    }
    return queues;
}

/* Say whether to end early: 1 if so, -1 with an exception set. */
static inline int asked_to_stop(PyObject *stop)
{
    if (PyErr_CheckSignals() < 0)
        return -1;
    if (stop == Py_None)
        return 0;
    PyObject *answer = PyObject_CallNoArgs(stop);
    if (answer == NULL)
        return -1;
    int truth = PyObject_IsTrue(answer);
    Py_DECREF(answer);
    return truth;
}

/* Check that a buffer has so many items of a size; complain of its name if it hasn't. */
static inline int has_items(const Py_buffer *buffer, Py_ssize_t items, size_t size, const char *name)
{
    if (buffer->len == items * (Py_ssize_t)size)
        return 1;
    PyErr_Format(PyExc_ValueError, "%s has %zd bytes, not %zd", name, buffer->len, items * (Py_ssize_t)size);
    return 0;
}

PyObject *anneal_cores(PyObject *module, PyObject *args);
PyObject *anneal_orders(PyObject *module, PyObject *args);
PyObject *anneal_sketch(PyObject *module, PyObject *args);
PyObject *expand_tasks(PyObject *module, PyObject *args);
PyObject *solve_positive(PyObject *module, PyObject *args);

#endif
