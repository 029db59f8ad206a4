package elbv2

import (
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
	if err := between("pageSize", size, 1, largePage); err != nil {
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

// listed is what lists show already of all.
func listed[T any](s *Service, all []T, arn func(T) string) []T {
	return slices.DeleteFunc(all, func(v T) bool { return !s.account.Described(arn(v)) })
}

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
