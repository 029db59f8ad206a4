package elbv2

import (
	"encoding/base64"
	"sort"
	"strconv"
	"strings"
)

// Sizes of a page when none is asked for; the larger is the largest that may be.
const (
	largePage = 400
	smallPage = 100
)

// page is the part of all that follows marker, and the marker of the next part. all ascends by key; a marker names the key
// that it follows, so that what is deleted or created between two calls makes no page skip or repeat anything.
func page[T any](all []T, key func(T) uint64, marker *string, size *int32, normal int) ([]T, *string, error) {
	if err := between("pageSize", size, 1, largePage); err != nil {
		return nil, nil, err
	}
	limit := normal
	if size != nil {
		limit = int(*size)
	}
	if marker != nil && *marker != "" {
		after, ok := decodeMarker(*marker)
		if !ok {
			return nil, nil, invalid("Invalid marker '%s'", *marker)
		}
		all = all[sort.Search(len(all), func(i int) bool { return key(all[i]) > after }):]
	}
	if len(all) <= limit {
		return all, nil, nil
	}
	next := base64.RawURLEncoding.EncodeToString([]byte("after:" + strconv.FormatUint(key(all[limit-1]), 10)))
	return all[:limit], &next, nil
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
func pageOf[T any](all []T, marker *string, size *int32, normal int) ([]T, *string, error) {
	list := make([]numbered[T], len(all))
	for i, v := range all {
		list[i] = numbered[T]{uint64(i), v}
	}
	part, next, err := page(list, func(n numbered[T]) uint64 { return n.n }, marker, size, normal)
	out := make([]T, len(part))
	for i, n := range part {
		out[i] = n.value
	}
	return out, next, err
}
