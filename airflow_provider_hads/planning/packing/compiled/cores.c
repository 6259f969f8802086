/* Annealing of tasks on cores: what ../annealing.py does, number for number. */
#include "common.h"

#define LEAST 1e-12
#define FEW 12
#define MOVES 0.5
#define FEWER_MOVES 0.25
#define TRADES 0.25
#define NEAREST 0.05
#define BATCH 200

typedef struct {
    int tasks, cores, vms;
    const double *times, *latest, *price, *lengths;
    const int *choice, *first, *order, *place;
    int *core_of, *vm, *best;
    double *load, *end, *rate, *work, width, temperature;
    Queue *queue;
    Random random;
} Search;

static const double *times_on(const Search *self, int vm)
{
    return self->times + (size_t)self->choice[vm] * self->tasks;
}

static double end_of(const Search *self, int vm)
{
    double end = self->load[self->first[vm]];
    for (int core = self->first[vm] + 1; core < self->first[vm + 1]; core++)
        if (self->load[core] > end)
            end = self->load[core];
    return end;
}

static double cost_of(const Search *self)
{
    double cost = 0.0;
    for (int vm = 0; vm < self->vms; vm++)
        cost += self->price[vm] * self->end[vm];
    return cost;
}

static void settle_prices(Search *self, double share, double done)
{
    share *= 1 - done;
    for (int vm = 0; vm < self->vms; vm++) {
        self->rate[vm] = self->price[vm] * (1 - share);
        self->work[vm] = self->price[vm] * share / (self->first[vm + 1] - self->first[vm]);
    }
    self->width = self->tasks * pow(NEAREST, done);
}

static int near_place(Search *self, int place)
{
    int found = place + (int)((2 * next_random(&self->random) - 1) * self->width);
    if (found < 0)
        found = -found;
    return self->order[found < self->tasks ? found : 2 * self->tasks - found - 1];
}

static int put(Search *self, int task, int core)
{
    self->core_of[task] = core;
    return queue_append(&self->queue[core], task);
}

static int move(Search *self, int task, int to)
{
    double *load = self->load, *end = self->end;
    int core = self->core_of[task];
    if (core == to)
        return 0;
    int old = self->vm[core], new = self->vm[to];
    double added = times_on(self, new)[task], raised = load[to] + added;
    if (raised > self->latest[new])
        return 0;
    double removed = times_on(self, old)[task];
    double change = added * self->work[new] - removed * self->work[old];
    double end_new = end[new], end_old;
    double drawn = next_random(&self->random), temperature = self->temperature;
    if (old == new) {
        if (load[core] < end_new && raised <= end_new) {
            end_old = end_new;
        } else {
            double kept = load[core];
            load[core] = kept - removed;
            load[to] = raised;
            end_old = end_of(self, old);
            load[core] = kept;
            load[to] = raised - added;
            change += (end_old - end_new) * self->rate[old];
        }
        if (is_too_dear(change, drawn, temperature))
            return 0;
        end[old] = end_old;
    } else {
        if (raised > end_new) {
            change += (raised - end_new) * self->rate[new];
            end_new = raised;
        }
        end_old = end[old];
        if (load[core] >= end_old) {
            if (is_too_dear(change - removed * self->rate[old], drawn, temperature))
                return 0;
            double kept = load[core];
            load[core] = kept - removed;
            end_old = end_of(self, old);
            load[core] = kept;
            change += (end_old - kept) * self->rate[old];
        }
        if (is_too_dear(change, drawn, temperature))
            return 0;
        end[old] = end_old;
        end[new] = end_new;
    }
    load[core] -= removed;
    load[to] = raised;
    queue_remove(&self->queue[core], task);
    return put(self, task, to);
}

static double end_after(const Search *self, int vm, double before, double after)
{
    double end = self->end[vm];
    if (after > end)
        return after;
    return before >= end ? end_of(self, vm) : end;
}

/* Set the loads of two cores if that is accepted; say whether it is. */
static int settles(Search *self, int core, int to, double load_core, double load_to, double change)
{
    double *load = self->load, *end = self->end, kept_core = load[core], kept_to = load[to], end_old, end_new;
    int old = self->vm[core], new = self->vm[to];
    load[core] = load_core;
    load[to] = load_to;
    if (old == new) {
        end_old = end_new = end_of(self, old);
    } else {
        end_old = end_after(self, old, kept_core, load_core);
        end_new = end_after(self, new, kept_to, load_to);
        change += (end_new - end[new]) * self->rate[new];
    }
    change += (end_old - end[old]) * self->rate[old];
    if (change > 0 && is_too_dear(change, next_random(&self->random), self->temperature)) {
        load[core] = kept_core;
        load[to] = kept_to;
        return 0;
    }
    end[old] = end_old;
    end[new] = end_new;
    return 1;
}

static int swap(Search *self, int task, int other)
{
    const double *load = self->load;
    int core = self->core_of[task], to = self->core_of[other];
    if (core == to)
        return 0;
    int old = self->vm[core], new = self->vm[to];
    const double *out = times_on(self, old), *back = times_on(self, new);
    double load_core = load[core] + out[other] - out[task];
    double load_to = load[to] + back[task] - back[other];
    if (load_core > self->latest[old] || load_to > self->latest[new])
        return 0;
    double work = (out[other] - out[task]) * self->work[old] + (back[task] - back[other]) * self->work[new];
    if (!settles(self, core, to, load_core, load_to, work))
        return 0;
    queue_remove(&self->queue[core], task);
    queue_remove(&self->queue[to], other);
    return put(self, other, core) < 0 || put(self, task, to) < 0 ? -1 : 0;
}

static int first_not_shorter(const double *lengths, int count, double seconds)
{
    int low = 0, high = count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (seconds < lengths[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Exchange two tasks of a core for one of another that is about as long as both. */
static int trade(Search *self, int task)
{
    const double *load = self->load;
    int core = self->core_of[task];
    const Queue *mates = &self->queue[core];
    int mate = mates->task[next_below(&self->random, mates->count)];
    if (mate == task)
        return 0;
    double both = self->lengths[self->place[task]] + self->lengths[self->place[mate]];
    int place = first_not_shorter(self->lengths, self->tasks, both);
    int other = near_place(self, place < self->tasks ? place : self->tasks - 1), to = self->core_of[other];
    if (core == to)
        return 0;
    int old = self->vm[core], new = self->vm[to];
    const double *out = times_on(self, old), *back = times_on(self, new);
    double load_core = load[core] + out[other] - out[task] - out[mate];
    double load_to = load[to] + back[task] + back[mate] - back[other];
    if (load_core > self->latest[old] || load_to > self->latest[new])
        return 0;
    double work = (out[other] - out[task] - out[mate]) * self->work[old];
    work += (back[task] + back[mate] - back[other]) * self->work[new];
    if (!settles(self, core, to, load_core, load_to, work))
        return 0;
    queue_remove(&self->queue[core], task);
    queue_remove(&self->queue[core], mate);
    queue_remove(&self->queue[to], other);
    if (put(self, task, to) < 0 || put(self, mate, to) < 0 || put(self, other, core) < 0)
        return -1;
    return 0;
}

static int try_some(Search *self)
{
    int few = self->tasks < FEW * self->cores;
    double moves = few ? FEWER_MOVES : MOVES, trades = few ? moves + TRADES : moves;
    for (int number = 0; number < BATCH; number++) {
        int task = next_below(&self->random, self->tasks), failed;
        double kind = next_random(&self->random);
        if (kind < moves)
            failed = move(self, task, next_below(&self->random, self->cores));
        else if (kind < trades)
            failed = trade(self, task);
        else
            failed = swap(self, task, near_place(self, self->place[task]));
        if (failed)
            return -1;
    }
    return 0;
}

/* Anneal; leave the cheapest cores seen in best. Return -1 with an exception set. */
static int run(Search *self, int batches, int every, double hot, double cooling, double share, PyObject *stop)
{
    double best = cost_of(self);
    memcpy(self->best, self->core_of, self->tasks * sizeof *self->best);
    self->temperature = hot;
    for (int batch = 0; batch < batches; batch++) {
        if (batch % every == 0)
            settle_prices(self, share, (double)batch / batches);
        if (try_some(self) < 0) {
            PyErr_NoMemory();
            return -1;
        }
        double cost = cost_of(self);
        if (cost < best - LEAST) {
            best = cost;
            memcpy(self->best, self->core_of, self->tasks * sizeof *self->best);
        }
        self->temperature *= cooling;
        int ends = asked_to_stop(stop);
        if (ends)
            return ends < 0 ? -1 : 0;
    }
    return 0;
}

/* Allocate what the search changes, in one piece of each kind; -1 without memory. */
static int allocate(Search *self, double **doubles, int **ints)
{
    *doubles = malloc((3 * (size_t)self->vms + 1) * sizeof **doubles);
    *ints = malloc((self->cores + (size_t)self->tasks + 1) * sizeof **ints);
    if (*doubles == NULL || *ints == NULL || self->queue == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    self->end = *doubles;
    self->rate = self->end + self->vms;
    self->work = self->rate + self->vms;
    self->vm = *ints;
    self->best = self->vm + self->cores;
    for (int vm = 0; vm < self->vms; vm++) {
        for (int core = self->first[vm]; core < self->first[vm + 1]; core++)
            self->vm[core] = vm;
        self->end[vm] = end_of(self, vm);
    }
    return 0;
}

PyObject *anneal_cores(PyObject *module, PyObject *args)
{
    Py_buffer times, choice, first, latest, price, order, place, lengths, queued, counts, load, core_of, random;
    int batches, every;
    double hot, cooling, share;
    PyObject *stop, *result = NULL;
    if (!PyArg_ParseTuple(args, "y*y*y*y*y*y*y*y*y*y*w*w*w*iidddO", &times, &choice, &first, &latest, &price, &order,
                          &place, &lengths, &queued, &counts, &load, &core_of, &random, &batches, &every, &hot,
                          &cooling, &share, &stop))
        return NULL;
    Search self = {
        .tasks = (int)(core_of.len / sizeof(int)), .cores = (int)(load.len / sizeof(double)),
        .vms = (int)(choice.len / sizeof(int)), .times = times.buf, .latest = latest.buf, .price = price.buf,
        .lengths = lengths.buf, .choice = choice.buf, .first = first.buf, .order = order.buf, .place = place.buf,
        .core_of = core_of.buf, .load = load.buf,
    };
    double *doubles = NULL;
    int *ints = NULL;
    if (has_items(&first, self.vms + 1, sizeof(int), "first") && has_items(&latest, self.vms, sizeof(double), "latest")
        && has_items(&price, self.vms, sizeof(double), "price") && has_items(&order, self.tasks, sizeof(int), "order")
        && has_items(&place, self.tasks, sizeof(int), "place")
        && has_items(&lengths, self.tasks, sizeof(double), "lengths")
        && has_items(&queued, self.tasks, sizeof(int), "queued") && has_items(&counts, self.cores, sizeof(int), "counts")
        && has_items(&random, WORDS + 1, sizeof(uint32_t), "random")) {
        memcpy(&self.random, random.buf, sizeof self.random);
        self.queue = queues_new(queued.buf, counts.buf, self.cores);
        if (allocate(&self, &doubles, &ints) == 0 && run(&self, batches, every, hot, cooling, share, stop) == 0) {
            memcpy(core_of.buf, self.best, core_of.len);
            memcpy(random.buf, &self.random, sizeof self.random);
            result = Py_NewRef(Py_None);
        }
    }
    queues_free(self.queue, self.cores);
    free(doubles);
    free(ints);
    Py_buffer *all[] = {&times, &choice, &first, &latest, &price, &order, &place,
                        &lengths, &queued, &counts, &load, &core_of, &random};
    for (size_t number = 0; number < sizeof all / sizeof *all; number++)
        PyBuffer_Release(all[number]);
    return result;
}
