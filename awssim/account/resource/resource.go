// Package resource is what resources of every simulated service have in common: ids, the order in which lists answer,
// and the errors of a lookup and of a deletion, tags. It has no service and no account, and imports only the standard
// library.
package resource

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// NotFoundError is returned if no resource of Kind ("subnet", "security group", …) has the id.
type NotFoundError struct{ Kind, ID string }

func (e *NotFoundError) Error() string { return fmt.Sprintf("%s %s does not exist", e.Kind, e.ID) }

// DependencyError is returned if resource ID cannot be deleted because By (a resource id) depends on it.
type DependencyError struct{ ID, By string }

func (e *DependencyError) Error() string {
	return fmt.Sprintf("%s cannot be deleted: %s depends on it", e.ID, e.By)
}

// NotFound is a *NotFoundError.
func NotFound(kind, id string) error { return &NotFoundError{Kind: kind, ID: id} }

// InUse is a *DependencyError.
func InUse(id, by string) error { return &DependencyError{ID: id, By: by} }

// IDs makes the ids of an account's resources. They depend only on how many were made before, so that a run can be
// repeated. The zero value is ready.
type IDs struct{ made uint64 }

// StartAt has the next ids made as if so many had been made before.
func (s *IDs) StartAt(made uint64) { s.made = made }

// NextNumber is the number of the next id, for ids whose form the caller makes.
func (s *IDs) NextNumber() uint64 {
	s.made++
	return s.made
}

// NewID makes an id of AWS's long form, such as sg- followed by 17 hexadecimal digits.
func (s *IDs) NewID(prefix string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d", prefix, s.NextNumber()))
	return prefix + "-0" + hex.EncodeToString(sum[:8])
}

// NewUUID makes a UUID of version 4.
func (s *IDs) NewUUID() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "uuid/%d", s.NextNumber()))
	sum[6], sum[8] = sum[6]&0x0f|0x40, sum[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// AnswerOrder lists the keys of m in the order in which Describe calls answer: the same each time, but unrelated to
// creation, name or id, because AWS guarantees no order and callers must not rely on one.
func AnswerOrder[T any](m map[string]T) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	SortForAnswer(keys)
	return keys
}

// SortForAnswer puts ids into the order of AnswerOrder.
func SortForAnswer(ids []string) {
	hashes := make(map[string]uint64, len(ids))
	for _, id := range ids {
		hashes[id] = Hash(id)
	}
	slices.SortFunc(ids, func(x, y string) int {
		return cmp.Or(cmp.Compare(hashes[x], hashes[y]), cmp.Compare(x, y))
	})
}

// AnsweredBefore reports whether the resource with id x comes before that with id y in AnswerOrder.
func AnsweredBefore(x, y string) bool {
	hx, hy := Hash(x), Hash(y)
	if hx != hy {
		return hx < hy
	}
	return x < y
}

// Hash is FNV-1a with a final mix, since ids of one kind differ in their last characters only.
func Hash(id string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(id) {
		h = (h ^ uint64(id[i])) * 1099511628211
	}
	h ^= h >> 29
	h *= 0xbf58476d1ce4e5b9
	return h ^ h>>32
}

// Put stores v under id in a map that may not exist yet.
func Put[K comparable, T any](m *map[K]T, id K, v T) {
	if *m == nil {
		*m = make(map[K]T)
	}
	(*m)[id] = v
}

// MaxTags is how many tags a resource of most services may have.
const MaxTags = 50

// MergeTags is tags with more added, each as key and value. It fails with the error of malformed if a key or value is
// empty, too long or reserved, and with that of tooMany if there would be more than MaxTags. The given tags stay as
// they are.
func MergeTags[T any](tags map[string]string, more []T, pair func(T) (key, value string),
	malformed func(key string) error, tooMany func() error) (map[string]string, error) {
	merged := make(map[string]string, len(tags)+len(more))
	maps.Copy(merged, tags)
	for _, t := range more {
		key, value := pair(t)
		if key == "" || utf8.RuneCountInString(key) > 128 || utf8.RuneCountInString(value) > 256 ||
			strings.HasPrefix(strings.ToLower(key), "aws:") {
			return nil, malformed(key)
		}
		merged[key] = value
	}
	if len(merged) > MaxTags {
		return nil, tooMany()
	}
	return merged, nil
}

// ListTags is tags in the SDK's type, by key; not nil.
func ListTags[T any](tags map[string]string, tag func(key, value string) T) []T {
	list := make([]T, 0, len(tags))
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, tag(key, tags[key]))
	}
	return list
}
