/* tree.h - intrusive red-black trees (RB_*, RB_GENERATE_STATIC) as libbsd has them.
 *
 * Include this instead of <bsd/sys/tree.h>: its static variants use a macro that Debian's libbsd
 * leaves undefined because Linux headers have members of that name.
 */
#ifndef BERTH_BASE_TREE_H
#define BERTH_BASE_TREE_H

#include <bsd/sys/tree.h>

#include "base/attributes.h"

#undef RB_PROTOTYPE_STATIC
#define RB_PROTOTYPE_STATIC(name, type, field, cmp)                                                \
    RB_PROTOTYPE_INTERNAL(name, type, field, cmp, UNUSED static)
#undef RB_GENERATE_STATIC
#define RB_GENERATE_STATIC(name, type, field, cmp)                                                 \
    RB_GENERATE_INTERNAL(name, type, field, cmp, UNUSED static)

#endif
