/* Annealing of orders where memory may bind: what ../memory_annealing.py does, number for number. */
#include "common.h"

#define EDGE 1e-9
#define REORDERED 0.15
#define ANYWHERE 0.25
#define MOVED 0.4
#define WASTED 0.9
#define BLIND 0.05
#define ROUNDS 40
#define UNSEEN 0.25
#define SMOOTH 0.9
#define PATIENCE 64 /* tries between two questions whether to stop */

typedef struct {
    double busy, filled, half, work;
} Use;

typedef struct {
    double over, need;
} Running;

/* A VM's end, and what is made small in its place: see ../memory_annealing.py. */
typedef struct {
    double end, value;
} Outcome;

typedef struct {
    int tasks, vms;
    const double *times, *memory, *latest, *price, *room;
    const Use *uses;
    const int *choice, *slots, *alike_from, *alike;
    int *vm_of;
    Use *sums;
    Outcome *outcome;
    double *rate, *needs, *seconds, share, smooth, temperature, looked;
    Running *running;
    Queue *order, source, target;
    Random random;
} Search;

/* Take the one that is over first off the end; of two at the same time that which needs less. */
static inline int is_over_later(Running one, Running other)
{
    return one.over > other.over || (one.over == other.over && one.need > other.need);
}

static inline double larger(double one, double other)
{
    return other > one ? other : one;
}

static const Outcome NEVER = {INFINITY, INFINITY};

/* When a VM has run its tasks in that order, as ../schedule.py has it; NEVER if later than it may, or if its value is
   above the most that it may be. */
static Outcome run_with(Search *self, int vm, const Queue *order, double most)
{
    const double *times = self->times + (size_t)self->choice[vm] * self->tasks;
    double *needs = self->needs, *seconds = self->seconds, smooth = self->smooth;
    double room = self->room[vm] * (1 + EDGE), least = order->count ? self->memory[order->task[0]] : 0.0;
    double area = 0.0, area_of_cores = 0.0, moment = 0.0, moment_of_cores = 0.0;
    double free = room, now = 0.0, end = 0.0;
    int waiting = order->count, slots = self->slots[vm], idle = slots, count = 0;
    Running *running = self->running;
    for (int place = 0; place < waiting; place++) {
        needs[place] = self->memory[order->task[place]];
        seconds[place] = times[order->task[place]];
        area += needs[place] * seconds[place];
        area_of_cores += seconds[place];
        if (needs[place] < least)
            least = needs[place];
    }
    double full = larger(area / room, area_of_cores / slots) * (1 - EDGE);
    double latest = (most - smooth * full) / (1 - smooth); /* the other part of the value is no less than that */
    latest = latest < self->latest[vm] ? latest : self->latest[vm];
    /* The memory and the time of cores that may stay unused until then. */
    double spare = latest * room * (1 + EDGE) - area, spare_of_cores = latest * slots * (1 + EDGE) - area_of_cores;
    while (waiting) {
        int place = 0;
        while (free >= least && idle && place < waiting) {
            double need = needs[place], length = seconds[place];
            if (need > free) {
                place++;
                continue;
            }
            free -= need;
            Running begun = {now + length, need};
            double turned = length * (now + 0.5 * length);
            moment_of_cores += turned;
            moment += turned * need;
            waiting--;
            memmove(needs + place, needs + place + 1, (waiting - place) * sizeof *needs);
            memmove(seconds + place, seconds + place + 1, (waiting - place) * sizeof *seconds);
            if (begun.over > end) {
                if (begun.over > latest * (1 + EDGE))
                    return NEVER;
                end = begun.over;
            }
            int at = count++;
            for (; at > 0 && is_over_later(begun, running[at - 1]); at--)
                running[at] = running[at - 1];
            running[at] = begun;
            idle--;
        }
        if (count == 0)
            return NEVER; /* a task that needs more than there is */
        double passed = running[--count].over - now;
        spare -= free * passed;
        spare_of_cores -= idle * passed;
        if (waiting && (spare < 0 || spare_of_cores < 0))
            return NEVER;
        now = running[count].over;
        free += running[count].need;
        idle++;
        while (count && running[count - 1].over <= now) {
            free += running[--count].need;
            idle++;
        }
    }
    double squared = larger(moment / self->room[vm], moment_of_cores / slots);
    Outcome found = {end, end + smooth * (sqrt(2 * squared) - end)};
    return end <= self->latest[vm] && found.value <= most ? found : NEVER;
}

static const Use *use_of(const Search *self, int vm, int task)
{
    return self->uses + (size_t)self->choice[vm] * self->tasks + task;
}

static double largest(double one, double other, double third)
{
    return larger(larger(one, other), third);
}

static void sum_up(Search *self)
{
    for (int vm = 0; vm < self->vms; vm++) {
        Use sum = {0.0, 0.0, 0.0, 0.0};
        for (int place = 0; place < self->order[vm].count; place++) {
            const Use *use = use_of(self, vm, self->order[vm].task[place]);
            sum.busy += use->busy;
            sum.filled += use->filled;
            sum.half += use->half;
        }
        self->sums[vm] = sum;
    }
}

static double cost_of(const Search *self)
{
    double cost = 0.0;
    for (int vm = 0; vm < self->vms; vm++)
        cost += self->price[vm] * self->outcome[vm].end;
    return cost;
}

/* The most that a VM's value may be if it costs no more than is allowed. */
static double most_of(const Search *self, int vm, double allowed)
{
    double rate = self->rate[vm];
    if (rate <= 0)
        return allowed >= 0 ? INFINITY : -1.0;
    return self->outcome[vm].value + allowed / rate;
}

static int refused(Search *self, int old, Use less, int new, Use more, double allowed)
{
    const Use *sum_old = &self->sums[old], *sum_new = &self->sums[new];
    double value_old = self->outcome[old].value, value_new = self->outcome[new].value;
    double least_new = largest(sum_new->busy + more.busy, sum_new->filled + more.filled, sum_new->half + more.half);
    double least_old = largest(sum_old->busy + less.busy, sum_old->filled + less.filled, sum_old->half + less.half);
    if (least_new > self->latest[new] || least_old > self->latest[old])
        return 1;
    double change_new = least_new - value_new, change_old = least_old - value_old;
    if (next_random(&self->random) > BLIND) {
        change_new += WASTED * (value_new - largest(sum_new->busy, sum_new->filled, sum_new->half));
        change_old += WASTED * (value_old - largest(sum_old->busy, sum_old->filled, sum_old->half));
    }
    return change_new * self->rate[new] + change_old * self->rate[old] > allowed;
}

static void add(Use *sum, Use change)
{
    sum->busy += change.busy;
    sum->filled += change.filled;
    sum->half += change.half;
}

static int copy(Queue *to, const Queue *from)
{
    if (queue_reserve(to, from->count + 1) < 0)
        return -1;
    memcpy(to->task, from->task, from->count * sizeof *from->task);
    to->count = from->count;
    return 0;
}

static void insert(Queue *self, int place, int task)
{
    if (place > self->count)
        place = self->count;
    memmove(self->task + place + 1, self->task + place, (self->count - place) * sizeof *self->task);
    self->task[place] = task;
    self->count++;
}

static void exchange(Queue *one, Queue *other)
{
    Queue kept = *one;
    *one = *other;
    *other = kept;
}

/* Give two VMs the orders in source and target if what they make of them is accepted; say whether it is. */
static int settles(Search *self, int old, int new, double allowed)
{
    self->looked += 1;
    double most = most_of(self, new, allowed + self->outcome[old].value * self->rate[old]);
    Outcome found_new = run_with(self, new, &self->target, most);
    if (found_new.end == INFINITY)
        return 0;
    self->looked += 1;
    allowed -= (found_new.value - self->outcome[new].value) * self->rate[new];
    Outcome found_old = run_with(self, old, &self->source, most_of(self, old, allowed));
    if (found_old.end == INFINITY)
        return 0;
    self->outcome[old] = found_old;
    self->outcome[new] = found_new;
    exchange(&self->order[old], &self->source);
    exchange(&self->order[new], &self->target);
    return 1;
}

static int reorder(Search *self, int vm)
{
    int count = self->order[vm].count;
    if (count < 2)
        return 0;
    self->looked += 1;
    if (copy(&self->target, &self->order[vm]) < 0)
        return -1;
    int from = next_below(&self->random, count), to = next_below(&self->random, count);
    int task = self->target.task[from];
    self->target.count--;
    memmove(self->target.task + from, self->target.task + from + 1, (count - 1 - from) * sizeof(int));
    insert(&self->target, to, task);
    double allowed = next_allowed(&self->random, self->temperature);
    Outcome found = run_with(self, vm, &self->target, most_of(self, vm, allowed));
    if (found.end < INFINITY) {
        self->outcome[vm] = found;
        exchange(&self->order[vm], &self->target);
    }
    return 0;
}

static int move(Search *self, int task, int old, int new)
{
    const Use *here = use_of(self, old, task), *there = use_of(self, new, task);
    double allowed = next_allowed(&self->random, self->temperature) - self->share * (there->work - here->work);
    Use less = {-here->busy, -here->filled, -here->half, 0}, more = {there->busy, there->filled, there->half, 0};
    if (refused(self, old, less, new, more, allowed))
        return 0;
    if (copy(&self->target, &self->order[new]) < 0 || copy(&self->source, &self->order[old]) < 0)
        return -1;
    insert(&self->target, next_below(&self->random, self->target.count + 1), task);
    queue_remove(&self->source, task);
    if (settles(self, old, new, allowed)) {
        self->vm_of[task] = new;
        add(&self->sums[old], less);
        add(&self->sums[new], more);
    }
    return 0;
}

static int swap(Search *self, int task, int other, int old, int new)
{
    const Use *out = use_of(self, old, task), *in = use_of(self, old, other);
    const Use *back = use_of(self, new, task), *gone = use_of(self, new, other);
    Use less = {in->busy - out->busy, in->filled - out->filled, in->half - out->half, 0};
    Use more = {back->busy - gone->busy, back->filled - gone->filled, back->half - gone->half, 0};
    double work_new = back->work + (in->work - out->work);
    double allowed = next_allowed(&self->random, self->temperature) - self->share * (work_new - gone->work);
    if (refused(self, old, less, new, more, allowed))
        return 0;
    if (copy(&self->target, &self->order[new]) < 0 || copy(&self->source, &self->order[old]) < 0)
        return -1;
    self->source.task[queue_index(&self->source, task)] = other;
    self->target.task[queue_index(&self->target, other)] = task;
    if (settles(self, old, new, allowed)) {
        self->vm_of[task] = new;
        self->vm_of[other] = old;
        add(&self->sums[old], less);
        add(&self->sums[new], more);
    }
    return 0;
}

static int try_one(Search *self)
{
    Random *random = &self->random;
    self->looked += UNSEEN;
    int task = next_below(random, self->tasks), old = self->vm_of[task];
    double kind = next_random(random);
    if (kind < REORDERED)
        return reorder(self, old);
    if (kind < MOVED) {
        int new = kind < ANYWHERE ? next_below(random, self->vms) : self->vm_of[next_below(random, self->tasks)];
        return old == new ? 0 : move(self, task, old, new);
    }
    int other = task, near = self->alike_from[task + 1] - self->alike_from[task];
    if (near) {
        double drawn = next_random(random);
        other = self->alike[self->alike_from[task] + (int)(drawn * drawn * near)];
    }
    int new = self->vm_of[other];
    return old == new ? 0 : swap(self, task, other, old, new);
}

/* Tell the orders and ends by VM. */
static void tell(const Search *self, int *tasks, int *counts, double *ends)
{
    for (int vm = 0; vm < self->vms; vm++) {
        const Queue *order = &self->order[vm];
        memcpy(tasks, order->task, order->count * sizeof *tasks);
        tasks += order->count;
        counts[vm] = order->count;
        ends[vm] = self->outcome[vm].end;
    }
}

/* Anneal; tell the cheapest orders seen. Return -1 with an exception set. */
static int run(Search *self, double steps, double hot, double cooling, double share, PyObject *stop, int *tasks,
               int *counts, double *ends)
{
    double best = cost_of(self);
    long tries = 0;
    int stopped = 0;
    self->temperature = hot;
    sum_up(self);
    for (int number = 0; number < ROUNDS; number++) {
        double left = larger(0.0, 1 - 1.25 * number / ROUNDS);
        self->share = share * left;
        self->smooth = SMOOTH * left;
        for (int vm = 0; vm < self->vms; vm++) {
            self->rate[vm] = self->price[vm] * (1 - self->share);
            self->outcome[vm] = run_with(self, vm, &self->order[vm], INFINITY);
        }
        while (!stopped && self->looked < steps * (number + 1) / ROUNDS) {
            if (tries++ % PATIENCE == 0 && (stopped = asked_to_stop(stop)) != 0) {
                if (stopped < 0)
                    return -1;
                break;
            }
            if (try_one(self) < 0) {
                PyErr_NoMemory();
                return -1;
            }
        }
        sum_up(self);
        self->temperature *= cooling;
        double cost = cost_of(self);
        if (cost < best) {
            best = cost;
            tell(self, tasks, counts, ends);
        }
    }
    return 0;
}

static int allocate(Search *self, int most_slots, double **doubles)
{
    *doubles = malloc(((size_t)self->vms + 2 * (size_t)self->tasks + 1) * sizeof **doubles);
    self->sums = malloc((self->vms + 1) * sizeof *self->sums);
    self->outcome = calloc(self->vms + 1, sizeof *self->outcome);
    self->running = malloc((most_slots + 1) * sizeof *self->running);
    if (*doubles == NULL || self->sums == NULL || self->outcome == NULL || self->running == NULL || self->order == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    self->rate = *doubles;
    self->needs = self->rate + self->vms;
    self->seconds = self->needs + self->tasks;
    return 0;
}

PyObject *anneal_orders(PyObject *module, PyObject *args)
{
    Py_buffer times, memory, uses, choice, slots, room, latest, price, alike_from, alike, tasks, counts, ends, random;
    double steps, hot, cooling, share;
    PyObject *stop, *result = NULL;
    if (!PyArg_ParseTuple(args, "y*y*y*y*y*y*y*y*y*y*w*w*w*w*ddddO", &times, &memory, &uses, &choice, &slots, &room,
                          &latest, &price, &alike_from, &alike, &tasks, &counts, &ends, &random, &steps, &hot, &cooling,
                          &share, &stop))
        return NULL;
    Search self = {
        .tasks = (int)(tasks.len / sizeof(int)), .vms = (int)(choice.len / sizeof(int)), .times = times.buf,
        .memory = memory.buf, .latest = latest.buf, .price = price.buf, .room = room.buf, .uses = uses.buf,
        .choice = choice.buf, .slots = slots.buf, .alike_from = alike_from.buf, .alike = alike.buf,
    };
    double *doubles = NULL;
    if (has_items(&memory, self.tasks, sizeof(double), "memory") && has_items(&slots, self.vms, sizeof(int), "slots")
        && has_items(&room, self.vms, sizeof(double), "room") && has_items(&latest, self.vms, sizeof(double), "latest")
        && has_items(&price, self.vms, sizeof(double), "price")
        && has_items(&alike_from, self.tasks + 1, sizeof(int), "alike_from")
        && has_items(&counts, self.vms, sizeof(int), "counts") && has_items(&ends, self.vms, sizeof(double), "ends")
        && has_items(&random, WORDS + 1, sizeof(uint32_t), "random")) {
        int most_slots = 0;
        for (int vm = 0; vm < self.vms; vm++)
            if (self.slots[vm] > most_slots)
                most_slots = self.slots[vm];
        memcpy(&self.random, random.buf, sizeof self.random);
        self.order = queues_new(tasks.buf, counts.buf, self.vms);
        self.vm_of = malloc((self.tasks + 1) * sizeof *self.vm_of);
        if (allocate(&self, most_slots, &doubles) == 0 && self.vm_of != NULL) {
            for (int vm = 0; vm < self.vms; vm++)
                for (int place = 0; place < self.order[vm].count; place++)
                    self.vm_of[self.order[vm].task[place]] = vm;
            for (int vm = 0; vm < self.vms; vm++)
                self.outcome[vm].end = ((const double *)ends.buf)[vm];
            if (run(&self, steps, hot, cooling, share, stop, tasks.buf, counts.buf, ends.buf) == 0) {
                memcpy(random.buf, &self.random, sizeof self.random);
                result = Py_NewRef(Py_None);
            }
        }
        if (self.vm_of == NULL && !PyErr_Occurred())
            PyErr_NoMemory();
    }
    queues_free(self.order, self.vms);
    free(self.source.task);
    free(self.target.task);
    free(self.vm_of);
    free(self.sums);
    free(self.outcome);
    free(self.running);
    free(doubles);
    Py_buffer *all[] = {&times, &memory, &uses, &choice, &slots, &room, &latest,
                        &price, &alike_from, &alike, &tasks, &counts, &ends, &random};
    for (size_t number = 0; number < sizeof all / sizeof *all; number++)
        PyBuffer_Release(all[number]);
    return result;
}
