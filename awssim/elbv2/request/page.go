package request

import (
	"cmp"
	"slices"
	"sort"
	"strconv"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/elbv2/check"
)

// Sizes of a page when none is asked for; the larger is the largest that may be.
const (
	LargePage = 400
	SmallPage = 100
)

// Page is the part of all that follows marker, and the marker of the next part. all ascends by key; a marker names the
// key that it follows, so that what is deleted or created between two calls makes no page skip or repeat anything.
func Page[T any](all []T, key func(T) uint64, marker *string, size *int32, p Pages) ([]T, *string, error) {
	if err := CheckPageSize(size); err != nil {
		return nil, nil, err
	}
	limit := p.normal
	if size != nil {
		limit = int(*size)
	}
	if p.most > 0 {
		limit = min(limit, p.most)
	}
	if marker != nil && *marker != "" {
		after, ok := decodeMarker(*marker)
		if !ok {
			return nil, nil, check.Invalid("Invalid marker '%s'", *marker)
		}
		all = all[sort.Search(len(all), func(i int) bool { return key(all[i]) > after }):]
	}
	if len(all) <= limit {
		return ordered(p, all), nil, nil
	}
	return ordered(p, all[:limit]), call.Marker(strconv.FormatUint(key(all[limit-1]), 10)), nil
}

// Pages is how lists are cut.
type Pages struct {
	normal int              // size unless one is asked for
	most   int              // size that trouble allows; 0: any
	order  *account.Trouble // of what is on a page
}

// PagesOf is how the account cuts a list whose pages have that size by default.
func PagesOf(a *account.Account, normal int) Pages {
	return Pages{normal: normal, most: a.Trouble.PageSize, order: &a.Trouble}
}

// Entry is a resource R in a list of everything, shown as T.
type Entry[R, T any] struct {
	seq   uint64
	now   *R // nil: it is gone
	stale *T // as a list shows it that lags behind its latest change; nil: as it is
}

// ListedPage is a page of a list of everything. all ascends by creation.
func ListedPage[R, T any](a *account.Account, all []*R, id func(*R) (arn string, seq uint64), marker *string,
	size *int32) ([]Entry[R, T], *string, error) {
	return Page(listed[R, T](a, all, id), func(e Entry[R, T]) uint64 { return e.seq }, marker, size, PagesOf(a, LargePage))
}

// listed is what a list of everything shows of all, which ascends by creation: not what was just made, what was just
// changed as it was, and what was just deleted.
func listed[R, T any](a *account.Account, all []*R, id func(*R) (arn string, seq uint64)) []Entry[R, T] {
	former := a.FormerBalancing()
	out := make([]Entry[R, T], 0, len(all))
	for _, r := range all {
		arn, seq := id(r)
		if !a.Described(arn) {
			continue
		}
		e := Entry[R, T]{seq: seq, now: r}
		if old, ok := former[arn].Value.(T); ok {
			e.stale = &old
			delete(former, arn)
		}
		out = append(out, e)
	}
	if len(former) == 0 {
		return out
	}
	for _, old := range former {
		if v, ok := old.Value.(T); ok {
			out = append(out, Entry[R, T]{seq: old.Seq, stale: &v})
		}
	}
	slices.SortFunc(out, func(x, y Entry[R, T]) int { return cmp.Compare(x.seq, y.seq) })
	return out
}

// Show is entries as the list shows them.
func Show[R, T any](entries []Entry[R, T], describe func(*R) T) []T {
	out := make([]T, len(entries))
	for i, e := range entries {
		if e.stale != nil {
			out[i] = *e.stale
		} else {
			out[i] = describe(e.now)
		}
	}
	return out
}

// Current is the entries of resources that a request names, which are shown as they are.
func Current[T, R any](list []*R) []Entry[R, T] {
	out := make([]Entry[R, T], len(list))
	for i, r := range list {
		out[i].now = r
	}
	return out
}

// CheckPageSize refuses the size of a page outside of what any list has, also where it counts for nothing.
func CheckPageSize(n *int32) error { return check.Between("pageSize", n, 1, LargePage) }

// ordered is a page in the order that trouble gives it.
func ordered[T any](p Pages, part []T) []T {
	if !p.order.Shuffle {
		return part
	}
	part = slices.Clone(part) // it may be the account's own
	p.order.Order(len(part), func(i, j int) { part[i], part[j] = part[j], part[i] })
	return part
}

func decodeMarker(marker string) (uint64, bool) {
	digits, ok := call.After(marker)
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, ok && err == nil
}

// numbered pairs values with their positions, the key of lists that have no other.
type numbered[T any] struct {
	n     uint64
	value T
}

// PageOf is page for a list whose order is its key.
func PageOf[T any](all []T, marker *string, size *int32, p Pages) ([]T, *string, error) {
	list := make([]numbered[T], len(all))
	for i, v := range all {
		list[i] = numbered[T]{uint64(i), v}
	}
	part, next, err := Page(list, func(n numbered[T]) uint64 { return n.n }, marker, size, p)
	out := make([]T, len(part))
	for i, n := range part {
		out[i] = n.value
	}
	return out, next, err
}
