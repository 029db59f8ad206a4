package request

import (
	"maps"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/elbv2/check"
)

const maxTags = 50 // of a resource

// SystemTags is how the keys of tags begin that only AWS sets.
const SystemTags = "aws:"

var tagCharacters = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)

// NewTags is the tags of a create call, checked.
func NewTags(in []types.Tag) (map[string]string, error) { return MergeTags(nil, in) }

// MergeTags is have with the tags of a request, checked; have itself stays as it is.
func MergeTags(have map[string]string, in []types.Tag) (map[string]string, error) {
	out := maps.Clone(have)
	if out == nil {
		out = map[string]string{}
	}
	seen := map[string]bool{}
	for _, t := range in {
		key, value := aws.ToString(t.Key), aws.ToString(t.Value)
		switch n := utf8.RuneCountInString(key); {
		case t.Key == nil:
			return nil, check.Present("tags.member.key", t.Key)
		case n < 1:
			return nil, check.Constraint("tags.member.key", key, "have length greater than or equal to 1")
		case n > 128:
			return nil, check.Constraint("tags.member.key", key, "have length less than or equal to 128")
		case utf8.RuneCountInString(value) > 256:
			return nil, check.Constraint("tags.member.value", value, "have length less than or equal to 256")
		case !tagCharacters.MatchString(key):
			return nil, check.Constraint("tags.member.key", key,
				`satisfy regular expression pattern: ^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$`)
		case !tagCharacters.MatchString(value):
			return nil, check.Constraint("tags.member.value", value,
				`satisfy regular expression pattern: ^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$`)
		case strings.HasPrefix(strings.ToLower(key), SystemTags):
			return nil, check.Invalid("The tag key '%s' is reserved: keys cannot begin with '%s'", key, SystemTags)
		case seen[key]:
			return nil, apierr.New("DuplicateTagKeys", "The tag key '%s' was specified more than once", key)
		}
		seen[key] = true
		out[key] = value
	}
	user := 0
	for key := range out {
		if !strings.HasPrefix(key, SystemTags) {
			user++
		}
	}
	if user > maxTags {
		return nil, apierr.New("TooManyTags", "The maximum number of tags, '%d', would be exceeded", maxTags)
	}
	return out, nil
}
