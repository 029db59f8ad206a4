package constraint

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Tag is a tag of a resource of Elastic Load Balancing.
type Tag struct{ Key, Value string }

var tagCharacters = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)

const tagAlphabet = "letters, digits, spaces and _.:/=+-@"

// Tags are the constraints on a tag.
var Tags = []Row[Tag]{
	{"tag of AWS", func(t Tag) string {
		if strings.HasPrefix(strings.ToLower(t.Key), "aws:") {
			return fmt.Sprintf("tag key %s is reserved by AWS", t.Key)
		}
		return ""
	}},
	{"tag key", func(t Tag) string {
		if t.Key == "" {
			return "a tag key is empty"
		}
		if len([]rune(t.Key)) > 128 {
			return fmt.Sprintf("tag key %s has more than 128 characters", t.Key)
		}
		if !tagCharacters.MatchString(t.Key) {
			return fmt.Sprintf("tag key %q has a character that AWS does not allow in tags: %s", t.Key, tagAlphabet)
		}
		return ""
	}},
	{"tag value", func(t Tag) string {
		if len([]rune(t.Value)) > 256 {
			return fmt.Sprintf("the value of tag %s has more than 256 characters", t.Key)
		}
		if !tagCharacters.MatchString(t.Value) {
			return fmt.Sprintf("value %q of tag %s has a character that AWS does not allow in tags: %s", t.Value, t.Key,
				tagAlphabet)
		}
		return ""
	}},
}

// OfTag returns why AWS takes a tag of no resource; empty if it does.
func OfTag(t Tag) string { return first(Tags, t) }

// OfTags is OfTag of the first tag of several, by key.
func OfTags(all map[string]string) string {
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if text := OfTag(Tag{key, all[key]}); text != "" {
			return text
		}
	}
	return ""
}
