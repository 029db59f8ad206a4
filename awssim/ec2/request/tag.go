package request

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/ec2/kind"
)

// EC2's limits on tags.
const (
	MaxTags     = 50
	maxTagKey   = 128
	maxTagValue = 256
)

// TagList is tags as the API lists them.
func TagList(tags map[string]string) []types.Tag {
	var list []types.Tag
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, types.Tag{Key: aws.String(k), Value: aws.String(tags[k])})
	}
	return list
}

// ParseTags is the tags of a request, checked.
func ParseTags(list []types.Tag) (map[string]string, error) {
	tags := make(map[string]string, len(list))
	for _, t := range list {
		key, value := aws.ToString(t.Key), aws.ToString(t.Value)
		switch {
		case key == "":
			return nil, InvalidValue("Tag key cannot be empty.")
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			return nil, InvalidValue("Tag keys starting with 'aws:' are reserved for internal use")
		case utf8.RuneCountInString(key) > maxTagKey:
			return nil, InvalidValue("Tag key exceeds the maximum length of %d characters", maxTagKey)
		case utf8.RuneCountInString(value) > maxTagValue:
			return nil, InvalidValue("Tag value exceeds the maximum length of %d characters", maxTagValue)
		}
		if _, ok := tags[key]; ok {
			return nil, InvalidValue("Duplicate tag key '%s' specified.", key)
		}
		tags[key] = value
	}
	if len(tags) > MaxTags {
		return nil, TagLimit()
	}
	return tags, nil
}

// TagLimit refuses a request that gives a resource more than MaxTags tags.
func TagLimit() error {
	return apierr.New("TagLimitExceeded", "The maximum number of tags per resource, %d, has been reached.", MaxTags)
}

// SpecifiedTags is the tags that a create call gives to what it creates, which is of the kind.
func SpecifiedTags(specs []types.TagSpecification, k kind.Kind) (map[string]string, error) {
	var all []types.Tag
	for _, s := range specs {
		if string(s.ResourceType) != k.TagType {
			return nil, InvalidValue("'%s' is not a valid taggable resource type for this operation.", s.ResourceType)
		}
		all = append(all, s.Tags...)
	}
	return ParseTags(all)
}
