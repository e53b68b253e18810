/* A program as people write it with libbpf: bpf_usdt_arg for every argument. */
#define __TARGET_ARCH_x86
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <stdbool.h>
#include <bpf/usdt.bpf.h>

struct result {
	long err, value, hits;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 12 * 256);
	__type(key, int);
	__type(value, struct result);
} results SEC(".maps");

SEC("uprobe")
int read_args(struct pt_regs *ctx)
{
	int site = bpf_usdt_cookie(ctx);

	for (int i = 0; i < 12; i++) {
		int key = site * 12 + i;
		struct result *r = bpf_map_lookup_elem(&results, &key);
		if (!r)
			return 0;
		r->err = bpf_usdt_arg(ctx, i, &r->value);
		r->hits++;
	}
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
