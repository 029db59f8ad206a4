package elbv2

import (
	"cmp"
	"encoding/base64"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/account"
)

// Sizes of a page when none is asked for; the larger is the largest that may be.
const (
	largePage = 400
	smallPage = 100
)

// page is the part of all that follows marker, and the marker of the next part. all ascends by key; a marker names the key
// that it follows, so that what is deleted or created between two calls makes no page skip or repeat anything.
func page[T any](all []T, key func(T) uint64, marker *string, size *int32, p pages) ([]T, *string, error) {
	if err := pageSize(size); err != nil {
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
			return nil, nil, invalid("Invalid marker '%s'", *marker)
		}
		all = all[sort.Search(len(all), func(i int) bool { return key(all[i]) > after }):]
	}
	if len(all) <= limit {
		return ordered(p, all), nil, nil
	}
	next := base64.RawURLEncoding.EncodeToString([]byte("after:" + strconv.FormatUint(key(all[limit-1]), 10)))
	return ordered(p, all[:limit]), &next, nil
}

// pages is how lists are cut.
type pages struct {
	normal int              // size unless one is asked for
	most   int              // size that trouble allows; 0: any
	order  *account.Trouble // of what is on a page
}

func (s *Service) pages(normal int) pages {
	return pages{normal: normal, most: s.account.Trouble.PageSize, order: &s.account.Trouble}
}

// entry is a resource R in a list of everything, shown as T.
type entry[R, T any] struct {
	seq   uint64
	now   *R // nil: it is gone
	stale *T // as the list shows it that does not know of its latest change; nil: as it is
}

// listed is what a list of everything shows of all, which ascends by creation: not what was just made, what was just changed as it
// was, and what was just deleted.
func listed[R, T any](s *Service, all []*R, id func(*R) (arn string, seq uint64)) []entry[R, T] {
	former := s.account.FormerBalancing()
	out := make([]entry[R, T], 0, len(all))
	for _, r := range all {
		arn, seq := id(r)
		if !s.account.Described(arn) {
			continue
		}
		e := entry[R, T]{seq: seq, now: r}
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
			out = append(out, entry[R, T]{seq: old.Seq, stale: &v})
		}
	}
	slices.SortFunc(out, func(a, b entry[R, T]) int { return cmp.Compare(a.seq, b.seq) })
	return out
}

// show is the entry as the list shows it.
func (e entry[R, T]) show(describe func(*R) T) T {
	if e.stale != nil {
		return *e.stale
	}
	return describe(e.now)
}

// current are entries of resources that were asked for by ARN or name, which are shown as they are.
func current[T, R any](list []*R) []entry[R, T] {
	out := make([]entry[R, T], len(list))
	for i, r := range list {
		out[i].now = r
	}
	return out
}

// pageSize refuses the size of a page outside of what any list has, also where it counts for nothing.
func pageSize(n *int32) error { return between("pageSize", n, 1, largePage) }

// ordered is a page in the order that trouble gives it.
func ordered[T any](p pages, part []T) []T {
	if !p.order.Shuffle {
		return part
	}
	part = slices.Clone(part) // it may be the account's own
	p.order.Order(len(part), func(i, j int) { part[i], part[j] = part[j], part[i] })
	return part
}

func decodeMarker(marker string) (uint64, bool) {
	text, err := base64.RawURLEncoding.DecodeString(marker)
	if err != nil {
		return 0, false
	}
	digits, ok := strings.CutPrefix(string(text), "after:")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil
}

// numbered pairs values with their positions, the key of lists that have no other.
type numbered[T any] struct {
	n     uint64
	value T
}

// pageOf is page for a list whose order is its key.
func pageOf[T any](all []T, marker *string, size *int32, p pages) ([]T, *string, error) {
	list := make([]numbered[T], len(all))
	for i, v := range all {
		list[i] = numbered[T]{uint64(i), v}
	}
	part, next, err := page(list, func(n numbered[T]) uint64 { return n.n }, marker, size, p)
	out := make([]T, len(part))
	for i, n := range part {
		out[i] = n.value
	}
	return out, next, err
}
