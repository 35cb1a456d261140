/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/memory.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* Set by the linker around static storage that starts as zero. */
extern char __bss_start[];
extern char _end[];

/* Advice is a refinement: a kernel that refuses it costs memory, not correctness. */
static void advise(void *start, size_t n, int advice)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = ((uintptr_t)start + page - 1) & ~(page - 1);
	uintptr_t to = ((uintptr_t)start + n) & ~(page - 1);

	if (from < to)
		(void)madvise((void *)from, to - from, advice);
}

void asb_memory_init(void)
{
	/* As numbers: to the language these two are different objects. */
	advise(__bss_start, (uintptr_t)_end - (uintptr_t)__bss_start, MADV_NOHUGEPAGE);
}

void *asb_memory_table(size_t n)
{
	void *table = mmap(NULL, n, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (table == MAP_FAILED)
		return NULL;
	advise(table, n, MADV_NOHUGEPAGE);
	return table;
}

void *asb_memory_private_table(size_t n)
{
	void *table = asb_memory_table(n);

	if (table != NULL)
		advise(table, n, MADV_DONTFORK);
	return table;
}

void asb_memory_give_back(void *start, size_t n)
{
	advise(start, n, MADV_DONTNEED);
}
