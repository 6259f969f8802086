/* What the search for prices sums up: what ../soft_minimum.py and ../linear_algebra.py do, number for number. */
#include "common.h"

typedef struct {
    int tasks, choices, resources, width;
    const double *counts, *columns, *uses, *slots, *core_price, *resource_price;
    const int *resources_from, *resource;
    double smoothing, cutoff;
    double *slope, *curve; /* of the whole */
    double *cost, *share, *pull, *change; /* of a task: by choice twice, by price, of a choice */
    int *at, *touched;
} Expansion;

/* Fill in what a task costs on each choice; return the least. */
static double fill_costs(Expansion *self, int task)
{
    const double *column = self->columns + (size_t)task * self->choices;
    const double *uses = self->uses + (size_t)task * self->resources;
    double least = INFINITY;
    for (int choice = 0; choice < self->choices; choice++) {
        double cost = column[choice] * self->core_price[choice];
        for (int place = self->resources_from[choice]; place < self->resources_from[choice + 1]; place++)
            cost += uses[self->resource[place]] * self->resource_price[self->resource[place]];
        self->cost[choice] = cost;
        least = cost < least ? cost : least;
    }
    return least;
}

/* Fill in by how much prices change a task's cost on a choice; return how many do. */
static int fill_changes(Expansion *self, int task, int choice)
{
    const double *uses = self->uses + (size_t)task * self->resources;
    int count = 1;
    self->at[0] = choice;
    self->change[0] = self->columns[(size_t)task * self->choices + choice] / self->slots[choice];
    for (int place = self->resources_from[choice]; place < self->resources_from[choice + 1]; place++) {
        int number = self->resource[place];
        if (uses[number] != 0.0) {
            self->at[count] = self->choices + number;
            self->change[count++] = uses[number];
        }
    }
    return count;
}

static void add_choice(Expansion *self, int task, int choice, double share, double factor, int bends)
{
    int count = fill_changes(self, task, choice);
    for (int place = 0; place < count; place++) {
        int at = self->at[place];
        double pull = share * self->change[place], both = factor * pull;
        self->pull[at] += pull;
        self->touched[at] = 1;
        if (bends)
            for (int other = place; other < count; other++)
                self->curve[(size_t)at * self->width + self->at[other]] += both * self->change[other];
    }
}

/* Add all that a task pulls at prices, and forget it. */
static void add_pulls(Expansion *self, double weight, double factor, int bends)
{
    int count = 0;
    for (int at = 0; at < self->choices + self->resources; at++)
        if (self->touched[at]) {
            self->touched[at] = 0;
            self->at[count++] = at;
        }
    for (int place = 0; place < count; place++) {
        int at = self->at[place];
        double pull = self->pull[at], both = factor * pull;
        double *row = self->curve + (size_t)at * self->width;
        self->slope[at] += weight * pull;
        if (bends)
            for (int other = place; other < count; other++)
                row[self->at[other]] -= both * self->pull[self->at[other]];
    }
    for (int place = 0; place < count; place++)
        self->pull[self->at[place]] = 0.0;
}

static double expand_task(Expansion *self, int task)
{
    double weight = self->counts[task], least = fill_costs(self, task), edge = least + self->cutoff, mass = 0.0;
    double factor = weight / self->smoothing;
    int near = 0;
    for (int choice = 0; choice < self->choices; choice++)
        if (self->cost[choice] <= edge) {
            near++;
            mass += self->share[choice] = exp((least - self->cost[choice]) / self->smoothing);
        }
    for (int choice = 0; choice < self->choices; choice++)
        if (self->cost[choice] <= edge)
            add_choice(self, task, choice, self->share[choice] / mass, factor, near > 1);
    add_pulls(self, weight, factor, near > 1);
    return weight * (least - self->smoothing * log(mass));
}

/* Say whether the lists of resources name such as there are. */
static int has_resources(const Expansion *self, Py_ssize_t items)
{
    const int *from = self->resources_from;
    int right = from[0] == 0 && from[self->choices] == items;
    for (int choice = 0; right && choice < self->choices; choice++)
        right = from[choice] <= from[choice + 1] && from[choice + 1] - from[choice] <= self->resources;
    for (Py_ssize_t place = 0; right && place < items; place++)
        right = self->resource[place] >= 0 && self->resource[place] < self->resources;
    if (!right)
        PyErr_SetString(PyExc_ValueError, "resources_from and resources don't belong together");
    return right;
}

static PyObject *expand(Expansion *self)
{
    int prices = self->choices + self->resources;
    double *numbers = calloc(2 * self->choices + 2 * prices + 1, sizeof *numbers);
    int *places = calloc(2 * prices + 2, sizeof *places);
    PyObject *result = NULL;
    if (numbers == NULL || places == NULL) {
        PyErr_NoMemory();
    } else {
        self->cost = numbers;
        self->share = self->cost + self->choices;
        self->pull = self->share + self->choices;
        self->change = self->pull + prices;
        self->at = places;
        self->touched = places + prices + 1;
        double total = 0.0;
        for (int task = 0; task < self->tasks; task++)
            total += expand_task(self, task);
        result = PyFloat_FromDouble(total);
    }
    free(numbers);
    free(places);
    return result;
}

PyObject *expand_tasks(PyObject *module, PyObject *args)
{
    Py_buffer counts, columns, uses, slots, resources_from, resources, core_prices, prices, slope, curve;
    double smoothing, cutoff;
    PyObject *result = NULL;
    if (!PyArg_ParseTuple(args, "y*y*y*y*y*y*y*y*ddw*w*", &counts, &columns, &uses, &slots, &resources_from, &resources,
                          &core_prices, &prices, &smoothing, &cutoff, &slope, &curve))
        return NULL;
    Expansion self = {
        .tasks = (int)(counts.len / sizeof(double)), .choices = (int)(slots.len / sizeof(double)),
        .resources = (int)(prices.len / sizeof(double)), .width = (int)(slope.len / sizeof(double)),
        .counts = counts.buf, .columns = columns.buf, .uses = uses.buf, .slots = slots.buf,
        .core_price = core_prices.buf, .resource_price = prices.buf, .resources_from = resources_from.buf,
        .resource = resources.buf, .smoothing = smoothing, .cutoff = cutoff, .slope = slope.buf, .curve = curve.buf,
    };
    if (self.width < self.choices + self.resources)
        PyErr_Format(PyExc_ValueError, "slope has %d items, not %d or more", self.width, self.choices + self.resources);
    else if (has_items(&columns, (Py_ssize_t)self.tasks * self.choices, sizeof(double), "columns")
             && has_items(&uses, (Py_ssize_t)self.tasks * self.resources, sizeof(double), "uses")
             && has_items(&core_prices, self.choices, sizeof(double), "core_prices")
             && has_items(&resources_from, self.choices + 1, sizeof(int), "resources_from")
             && has_items(&curve, (Py_ssize_t)self.width * self.width, sizeof(double), "curve")
             && has_resources(&self, resources.len / (Py_ssize_t)sizeof(int)))
        result = expand(&self);
    Py_buffer *all[] = {&counts, &columns, &uses, &slots, &resources_from, &resources, &core_prices, &prices, &slope, &curve};
    for (size_t number = 0; number < sizeof all / sizeof *all; number++)
        PyBuffer_Release(all[number]);
    return result;
}

static void solve(double *matrix, double *x, int size, double floor)
{
    for (int pivot = 0; pivot < size; pivot++) {
        double *row = matrix + (size_t)pivot * size;
        if (floor > row[pivot])
            row[pivot] = floor;
        for (int below = pivot + 1; below < size; below++) {
            double factor = row[below] / row[pivot], *lower = matrix + (size_t)below * size;
            if (factor == 0.0)
                continue;
            for (int column = below; column < size; column++)
                lower[column] -= factor * row[column];
            x[below] -= factor * x[pivot];
        }
    }
    for (int pivot = size - 1; pivot >= 0; pivot--) {
        const double *row = matrix + (size_t)pivot * size;
        double known = 0.0;
        for (int column = pivot + 1; column < size; column++)
            known += row[column] * x[column];
        x[pivot] = (x[pivot] - known) / row[pivot];
    }
}

PyObject *solve_positive(PyObject *module, PyObject *args)
{
    Py_buffer matrix, x;
    double floor;
    PyObject *result = NULL;
    if (!PyArg_ParseTuple(args, "w*w*d", &matrix, &x, &floor))
        return NULL;
    int size = (int)(x.len / sizeof(double));
    if (has_items(&matrix, (Py_ssize_t)size * size, sizeof(double), "matrix")) {
        solve(matrix.buf, x.buf, size, floor);
        result = Py_NewRef(Py_None);
    }
    PyBuffer_Release(&matrix);
    PyBuffer_Release(&x);
    return result;
}
