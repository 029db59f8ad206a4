package checkpoint

import (
	"cmp"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// mostShared bounds the packed size of an entry that several tenants fill.
const mostShared = 256 << 10

// Reducible is a value that several tenants fill. Reduced is the value without what the one of them declared that takes
// most; ok is false if nothing can be left out.
type Reducible interface {
	Reduced() (smaller any, ok bool)
}

// Texter is a value that is written as another one, whose JSON it has. A method MarshalJSON would make, and the encoder
// copy, a text of its own.
type Texter interface {
	Text() any
}

// item is an entry of a ConfigMap.
type item struct {
	id     ID
	key    string
	packed []byte
}

func (i item) size() int { return len(i.key) + len(i.packed) }

// fitting are the items that a ConfigMap has room for. What is left out is history, on which nothing rests, then the
// largest item of whoever takes most: otherwise a tenant with many objects, or large ones, would have the state of
// others forgotten. tenant names the tenants of stacks.
func fitting(items []item, tenant func(stack.Key) string) (out []item, left int) {
	total, of, whose := 0, map[string]int{}, map[ID]string{}
	for _, i := range items {
		total += i.size()
		whose[i.id] = tenantOf(i.id, tenant)
		of[whose[i.id]] += i.size()
	}
	out = slices.Clone(items)
	for total > mostBytes {
		histories := slices.ContainsFunc(out, func(i item) bool { return i.id.Kind == History })
		at := -1
		for n, i := range out {
			if histories && i.id.Kind != History {
				continue
			}
			if at < 0 || cmp.Or(cmp.Compare(of[whose[i.id]], of[whose[out[at].id]]), cmp.Compare(i.size(),
				out[at].size()), cmp.Compare(i.key, out[at].key)) > 0 {
				at = n
			}
		}
		gone := out[at]
		total -= gone.size()
		of[whose[gone.id]] -= gone.size()
		out = slices.Delete(out, at, at+1)
		left++
	}
	return out, left
}

// TenantOf names whose entries of a name are.
func (s *Store) TenantOf(name string) string { return tenantOf(ID{Name: name}, s.cfg.Tenant) }

// tenantOf names whose an entry is: a namespace or a group, as far as its name shows that.
func tenantOf(id ID, tenant func(stack.Key) string) string {
	name := id.Name
	if of, ok := RefusalsOf(name); ok {
		name = of
	}
	if strings.HasPrefix(name, "arn:") { // of a target group
		return name
	}
	if key, err := stack.ParseKey(name); err == nil {
		return tenant(key)
	}
	namespace, _, _ := strings.Cut(name, "/")
	return namespace
}
