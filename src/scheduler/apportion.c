#include "scheduler/apportion.h"

static int64_t over_base(const struct share *share)
{
    return share->held > share->base ? share->held - share->base : 0;
}

/* Sums over all of them. */
struct whole {
    int64_t tasks, weight; /* tasks beyond the bases */
};

static struct whole whole_of(const struct share *shares, size_t count)
{
    struct whole whole = {0};

    for (size_t i = 0; i < count; i++) {
        whole.tasks += over_base(&shares[i]);
        whole.weight += shares[i].weight;
    }
    return whole;
}

/* How far one is above what it would have of `tasks` by its weight, times the sum of weights. */
static int64_t excess(const struct share *share, int64_t tasks, const struct whole *whole)
{
    return over_base(share) * whole->weight - tasks * share->weight;
}

size_t apportion_next(const struct share *shares, size_t count)
{
    struct whole whole = whole_of(shares, count);
    size_t best = count;

    for (size_t i = 0; i < count; i++)
        if (shares[i].held < shares[i].base)
            return i;
    for (size_t i = 0; i < count; i++)
        if (shares[i].weight > 0 &&
            (best == count || excess(&shares[i], whole.tasks + 1, &whole) <
                                  excess(&shares[best], whole.tasks + 1, &whole)))
            best = i;
    return best;
}

size_t apportion_last(const struct share *shares, size_t count)
{
    struct whole whole = whole_of(shares, count);
    size_t best = count;

    for (size_t i = count; i-- > 0;)
        if (over_base(&shares[i]) > 0 &&
            (best == count || excess(&shares[i], whole.tasks - 1, &whole) >
                                  excess(&shares[best], whole.tasks - 1, &whole)))
            best = i;
    for (size_t i = count; best == count && i-- > 0;)
        if (shares[i].held > 0)
            return i;
    return best;
}
