package resource

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// MaxTags is how many tags a resource of most services may have.
const MaxTags = 50

// MergeTags is tags with more added, each as key and value. It fails with the error of malformed if a key or value is empty, too long or
// reserved, and with that of tooMany if there would be more than MaxTags. The given tags stay as they are.
func MergeTags[T any](tags map[string]string, more []T, pair func(T) (key, value string), malformed func(key string) error, tooMany func() error) (map[string]string, error) {
	merged := make(map[string]string, len(tags)+len(more))
	maps.Copy(merged, tags)
	for _, t := range more {
		key, value := pair(t)
		if key == "" || utf8.RuneCountInString(key) > 128 || utf8.RuneCountInString(value) > 256 || strings.HasPrefix(strings.ToLower(key), "aws:") {
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
