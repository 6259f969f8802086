/* Annealing of sums where memory may bind: what ../memory_sketch.py does, number for number. */
#include "common.h"

#define WASTE 1.03
#define ANYWHERE 0.3
#define MOVED 0.55
#define ROUNDS 50
#define WORK 0.9
#define LAST_WORK 0.1

typedef struct {
    double busy, filled, half, work;
} Use;

typedef struct {
    double busy, filled, half, end;
} Sums;

typedef struct {
    int tasks, vms, choices, vcpus, vcpu_limit;
    const double *times, *rate, *latest;
    const Use *uses;
    const int *choice, *limit, *market, *vcpus_of, *market_limit;
    int *vm_of, *count, *by_choice, by_market[2];
    Sums *sums;
    double share, temperature;
    Random random;
} Search;

static const Use *use_of(const Search *self, int vm, int task)
{
    return self->uses + (size_t)self->choice[vm] * self->tasks + task;
}

static double seconds_of(const Search *self, int vm, int task)
{
    return self->times[(size_t)self->choice[vm] * self->tasks + task];
}

static double largest(double one, double other, double third)
{
    double found = other > one ? other : one;
    return third > found ? third : found;
}

static void count_vm(Search *self, int choice, int change)
{
    self->by_choice[choice] += change;
    self->by_market[self->market[choice]] += change;
    self->vcpus += change * self->vcpus_of[choice];
}

static void count_task(Search *self, int vm, int change)
{
    int before = self->count[vm];
    self->count[vm] = before + change;
    if (!before || !self->count[vm])
        count_vm(self, self->choice[vm], change);
}

static int allows(const Search *self, int choice)
{
    return self->by_choice[choice] < self->limit[choice]
        && self->by_market[self->market[choice]] < self->market_limit[self->market[choice]]
        && (self->vcpu_limit < 0 || self->vcpus + self->vcpus_of[choice] <= self->vcpu_limit);
}

/* Say whether an empty VM may get the task of another, which may be its last. */
static int may_open(Search *self, int old, int new)
{
    if (self->count[old] > 1)
        return allows(self, self->choice[new]);
    count_vm(self, self->choice[old], -1);
    int allowed = allows(self, self->choice[new]);
    count_vm(self, self->choice[old], 1);
    return allowed;
}

static int accepts(Search *self, double work, int old, double end_old, int new, double end_new)
{
    double lives = self->rate[old] * (end_old - self->sums[old].end) + self->rate[new] * (end_new - self->sums[new].end);
    double change = self->share * work + (1 - self->share) * lives;
    return change <= 0 || change < next_allowed(&self->random, self->temperature);
}

static void move(Search *self, int task, int old, int new)
{
    const Use *more = use_of(self, new, task), *less = use_of(self, old, task);
    const Sums *there = &self->sums[new], *here = &self->sums[old];
    Sums gains = {more->busy + there->busy, more->filled + there->filled, more->half + there->half, 0.0};
    double least = largest(gains.busy, gains.filled, gains.half) * WASTE, seconds = seconds_of(self, new, task);
    gains.end = seconds > least ? seconds : least;
    if (gains.end > self->latest[new])
        return;
    Sums loses = {here->busy - less->busy, here->filled - less->filled, here->half - less->half, 0.0};
    loses.end = largest(loses.busy, loses.filled, loses.half) * WASTE;
    if (self->count[old] == 1)
        loses = (Sums){0.0, 0.0, 0.0, 0.0};
    if (!accepts(self, more->work - less->work, old, loses.end, new, gains.end))
        return;
    self->sums[new] = gains;
    self->sums[old] = loses;
    count_task(self, new, 1);
    count_task(self, old, -1);
    self->vm_of[task] = new;
}

/* The sums of a VM with another task in place of one. */
static Sums exchanged(const Search *self, int vm, int taken, int given)
{
    const Use *less = use_of(self, vm, taken), *more = use_of(self, vm, given);
    const Sums *sums = &self->sums[vm];
    Sums changed = {more->busy + (sums->busy - less->busy), more->filled + (sums->filled - less->filled),
                    more->half + (sums->half - less->half), 0.0};
    double least = largest(changed.busy, changed.filled, changed.half) * WASTE, seconds = seconds_of(self, vm, given);
    changed.end = least > seconds ? least : seconds;
    return changed;
}

static void swap(Search *self, int task, int other, int old, int new)
{
    Sums there = exchanged(self, new, other, task);
    if (there.end > self->latest[new] && there.end > self->sums[new].end)
        return;
    Sums here = exchanged(self, old, task, other);
    if (here.end > self->latest[old] && here.end > self->sums[old].end)
        return;
    double work = use_of(self, new, task)->work - use_of(self, new, other)->work + use_of(self, old, other)->work
        - use_of(self, old, task)->work;
    if (!accepts(self, work, old, here.end, new, there.end))
        return;
    self->sums[new] = there;
    self->sums[old] = here;
    self->vm_of[task] = new;
    self->vm_of[other] = old;
}

static void try_one(Search *self)
{
    Random *random = &self->random;
    int task = next_below(random, self->tasks), old = self->vm_of[task];
    double kind = next_random(random);
    if (kind < ANYWHERE) {
        int new = next_below(random, self->vms);
        if (new != old && (self->count[new] || may_open(self, old, new)))
            move(self, task, old, new);
        return;
    }
    int other = next_below(random, self->tasks), new = self->vm_of[other];
    if (new == old)
        return;
    if (kind < MOVED)
        move(self, task, old, new);
    else
        swap(self, task, other, old, new);
}

static int run(Search *self, long steps, double hot, double cooling, PyObject *stop)
{
    self->temperature = hot;
    for (int number = 0; number < ROUNDS; number++) {
        self->share = WORK + (LAST_WORK - WORK) * number / (ROUNDS - 1);
        for (long step = 0; step < steps / ROUNDS; step++)
            try_one(self);
        self->temperature *= cooling;
        int ends = asked_to_stop(stop);
        if (ends)
            return ends < 0 ? -1 : 0;
    }
    return 0;
}

/* Take over the sums, which come by kind, and count the VMs in use; -1 without memory. */
static int begin(Search *self, const double *sums)
{
    self->sums = malloc((self->vms + 1) * sizeof *self->sums);
    self->by_choice = calloc(self->choices + 1, sizeof *self->by_choice);
    if (self->sums == NULL || self->by_choice == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (int vm = 0; vm < self->vms; vm++) {
        self->sums[vm] = (Sums){sums[vm], sums[self->vms + vm], sums[2 * self->vms + vm], sums[3 * self->vms + vm]};
        if (self->count[vm])
            count_vm(self, self->choice[vm], 1);
    }
    return 0;
}

PyObject *anneal_sketch(PyObject *module, PyObject *args)
{
    Py_buffer times, uses, choice, rate, latest, limit, market, vcpus, market_limit, sums, count, vm_of, random;
    int vcpu_limit;
    long steps;
    double hot, cooling;
    PyObject *stop, *result = NULL;
    if (!PyArg_ParseTuple(args, "y*y*y*y*y*y*y*y*y*y*w*w*w*ilddO", &times, &uses, &choice, &rate, &latest, &limit,
                          &market, &vcpus, &market_limit, &sums, &count, &vm_of, &random, &vcpu_limit, &steps, &hot,
                          &cooling, &stop))
        return NULL;
    Search self = {
        .tasks = (int)(vm_of.len / sizeof(int)), .vms = (int)(choice.len / sizeof(int)),
        .choices = (int)(limit.len / sizeof(int)), .vcpu_limit = vcpu_limit, .times = times.buf, .rate = rate.buf,
        .latest = latest.buf, .uses = uses.buf, .choice = choice.buf, .limit = limit.buf, .market = market.buf,
        .vcpus_of = vcpus.buf, .market_limit = market_limit.buf, .vm_of = vm_of.buf, .count = count.buf,
    };
    if (has_items(&rate, self.vms, sizeof(double), "rate") && has_items(&latest, self.vms, sizeof(double), "latest")
        && has_items(&market, self.choices, sizeof(int), "market") && has_items(&vcpus, self.choices, sizeof(int), "vcpus")
        && has_items(&market_limit, 2, sizeof(int), "market_limit") && has_items(&sums, 4 * self.vms, sizeof(double), "sums")
        && has_items(&count, self.vms, sizeof(int), "count")
        && has_items(&random, WORDS + 1, sizeof(uint32_t), "random")) {
        memcpy(&self.random, random.buf, sizeof self.random);
        if (begin(&self, sums.buf) == 0 && run(&self, steps, hot, cooling, stop) == 0) {
            memcpy(random.buf, &self.random, sizeof self.random);
            result = Py_NewRef(Py_None);
        }
    }
    free(self.sums);
    free(self.by_choice);
    Py_buffer *all[] = {&times, &uses, &choice, &rate, &latest, &limit, &market,
                        &vcpus, &market_limit, &sums, &count, &vm_of, &random};
    for (size_t number = 0; number < sizeof all / sizeof *all; number++)
        PyBuffer_Release(all[number]);
    return result;
}
