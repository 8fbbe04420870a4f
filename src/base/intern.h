/* intern.h - strings kept once. Two interned strings are equal exactly when their pointers are.
 *
 * Ownership  Each intern() or intern_ref() is undone by one intern_unref(); a string lives while it
 *            is referenced. The table belongs to the loop thread: one thread only.
 */
#ifndef BERTH_BASE_INTERN_H
#define BERTH_BASE_INTERN_H

const char *intern(const char *s); /* NULL gives NULL */
/* The string if it is interned, lent; else NULL. For asking tables whose keys are interned. */
const char *intern_find(const char *s);
const char *intern_ref(const char *interned);
void intern_unref(const char *interned);

#endif
