package acm

import (
	"context"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"

	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
)

const (
	maxTags     = 50
	maxTagKey   = 128
	maxTagValue = 256
)

// parseTags checks the tags of a request.
func parseTags(list []types.Tag) (map[string]string, error) {
	tags := make(map[string]string, len(list))
	for _, t := range list {
		key, value := aws.ToString(t.Key), aws.ToString(t.Value)
		switch {
		case key == "" || utf8.RuneCountInString(key) > maxTagKey || utf8.RuneCountInString(value) > maxTagValue:
			return nil, apierr.New("InvalidTagException", "The tag key %q or its value is too short or too long.", key)
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			return nil, apierr.New("InvalidTagException", "The tag key %q is reserved: it begins with aws:.", key)
		}
		tags[key] = value
	}
	if len(tags) > maxTags {
		return nil, apierr.New("TooManyTagsException", "A certificate can have at most %d tags.", maxTags)
	}
	return tags, nil
}

// ListTagsForCertificate lists the tags of a certificate.
func (s *Service) ListTagsForCertificate(ctx context.Context, in *acm.ListTagsForCertificateInput,
	_ ...func(*acm.Options)) (*acm.ListTagsForCertificateOutput, error) {
	return call.Read(ctx, s.entry, "ListTagsForCertificate", in, s.listTagsForCertificate)
}

func (s *Service) listTagsForCertificate(in *acm.ListTagsForCertificateInput) (*acm.ListTagsForCertificateOutput,
	error) {
	c, err := s.certificate(in.CertificateArn)
	if err != nil {
		return nil, err
	}
	out := &acm.ListTagsForCertificateOutput{}
	for _, k := range slices.Sorted(maps.Keys(c.Tags)) {
		out.Tags = append(out.Tags, types.Tag{Key: aws.String(k), Value: aws.String(c.Tags[k])})
	}
	return out, nil
}

// AddTagsToCertificate adds tags, or changes their values.
func (s *Service) AddTagsToCertificate(ctx context.Context, in *acm.AddTagsToCertificateInput,
	_ ...func(*acm.Options)) (*acm.AddTagsToCertificateOutput, error) {
	return call.Write(ctx, s.entry, "AddTagsToCertificate", in, s.addTagsToCertificate)
}

func (s *Service) addTagsToCertificate(in *acm.AddTagsToCertificateInput) (*acm.AddTagsToCertificateOutput, error) {
	c, err := s.certificate(in.CertificateArn)
	if err != nil {
		return nil, err
	}
	added, err := parseTags(in.Tags)
	if err != nil {
		return nil, err
	}
	merged := make(map[string]string, len(c.Tags)+len(added))
	for _, tags := range []map[string]string{c.Tags, added} {
		for k, v := range tags {
			merged[k] = v
		}
	}
	if len(merged) > maxTags {
		return nil, apierr.New("TooManyTagsException", "A certificate can have at most %d tags.", maxTags)
	}
	c.Tags = merged
	return &acm.AddTagsToCertificateOutput{}, nil
}

// RemoveTagsFromCertificate removes tags; one given with a value goes only if its value is that one.
func (s *Service) RemoveTagsFromCertificate(ctx context.Context, in *acm.RemoveTagsFromCertificateInput,
	_ ...func(*acm.Options)) (*acm.RemoveTagsFromCertificateOutput, error) {
	return call.Write(ctx, s.entry, "RemoveTagsFromCertificate", in, s.removeTagsFromCertificate)
}

func (s *Service) removeTagsFromCertificate(in *acm.RemoveTagsFromCertificateInput) (
	*acm.RemoveTagsFromCertificateOutput, error) {
	c, err := s.certificate(in.CertificateArn)
	if err != nil {
		return nil, err
	}
	for _, t := range in.Tags {
		key := aws.ToString(t.Key)
		if t.Value == nil || c.Tags[key] == *t.Value {
			delete(c.Tags, key)
		}
	}
	return &acm.RemoveTagsFromCertificateOutput{}, nil
}
