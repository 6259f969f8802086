/* The module airflow_provider_hads.planning.packing._compiled. */
#include "common.h"

static PyMethodDef METHODS[] = {
    {"anneal_cores", anneal_cores, METH_VARARGS, "Anneal tasks on cores; see annealing.py."},
    {"anneal_orders", anneal_orders, METH_VARARGS, "Anneal orders of tasks; see memory_annealing.py."},
    {"anneal_sketch", anneal_sketch, METH_VARARGS, "Anneal sums of tasks; see memory_sketch.py."},
    {"expand_tasks", expand_tasks, METH_VARARGS, "Sum up soft minima of costs; see soft_minimum.py."},
    {"solve_positive", solve_positive, METH_VARARGS, "Solve a system of equations; see linear_algebra.py."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT, "_compiled", "The searches of packing, compiled.", -1, METHODS, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__compiled(void)
{
    return PyModule_Create(&MODULE);
}
