// Package tagging is GetResources of the Resource Groups Tagging API: which resources of all services carry which tags.
// Its index follows the account with the profile's delay. It imports awssim/account, awssim/gate, awssim/apierr and the
// SDK's types.
package tagging

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/gate"
)

// service is the name of the service at the gate.
const service = "tagging"

// Limits of GetResources.
const (
	defaultPage    = 50
	maxPage        = 100
	minTagsPage    = 100
	maxTagsPage    = 500
	maxARNs        = 100
	maxTypes       = 100
	maxTagFilters  = 50
	maxFilterValue = 20
)

// Service answers the actions of the tagging API.
type Service struct {
	account *account.Account
	gate    *gate.Gate

	known map[string]bool // ARNs that were seen tagged; guarded by the account's lock

	mu      sync.Mutex
	lagging bool       // the index has not caught up with the last change
	shown   []resource // what it shows meanwhile; nil before the first change
}

// New is the service over that account; calls pass g, which may be nil. It follows the account's changes from now on.
func New(a *account.Account, g *gate.Gate) *Service {
	s := &Service{account: a, gate: g, known: map[string]bool{}}
	a.OnChange(s.changed)
	return s
}

// changed keeps showing what was known before until the index has caught up. Changes that come meanwhile are caught up
// with together. What the first change brings, such as what the account starts with, is known at once.
func (s *Service) changed() {
	s.account.Lock()
	delay := s.account.Profile.TagIndex
	s.account.Unlock()
	s.mu.Lock()
	if delay <= 0 && !s.lagging { // the index is never behind
		s.shown = nil
		s.mu.Unlock()
		return
	}
	lagging, first := s.lagging, s.shown == nil
	s.lagging = s.lagging || !first
	s.mu.Unlock()
	switch {
	case lagging:
	case first:
		s.catchUp()
	default:
		s.account.Clock.AfterFunc(delay, s.catchUp)
	}
}

func (s *Service) catchUp() {
	s.account.Lock()
	now := collect(s.account, s.known)
	s.account.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown, s.lagging = now, false
}

// index is what GetResources sees, by ARN.
func (s *Service) index() []resource {
	s.mu.Lock()
	shown, lagging := s.shown, s.lagging
	s.mu.Unlock()
	if lagging {
		return shown
	}
	s.account.Lock()
	defer s.account.Unlock()
	return collect(s.account, s.known)
}

// GetResources finds tagged resources by tags and types, or by ARN.
func (s *Service) GetResources(ctx context.Context, in *resourcegroupstaggingapi.GetResourcesInput,
	_ ...func(*resourcegroupstaggingapi.Options)) (*resourcegroupstaggingapi.GetResourcesOutput, error) {
	if in == nil {
		in = &resourcegroupstaggingapi.GetResourcesInput{}
	}
	return gate.Do(ctx, s.gate, gate.Operation{Service: service, Action: "GetResources"}, in, s.getResources)
}

func (s *Service) getResources(ctx context.Context, in *resourcegroupstaggingapi.GetResourcesInput) (
	*resourcegroupstaggingapi.GetResourcesOutput, error) {
	if err := check(in); err != nil {
		return nil, err
	}
	s.account.Lock()
	now, trouble, region := s.account.Clock.Now(), s.account.Trouble, s.account.Region
	s.account.Unlock()
	if called := gate.Region(ctx); called != "" {
		region = called
	}
	var found []resource
	for _, r := range s.index() {
		if !r.isIn(region) {
			continue
		}
		if len(in.ResourceARNList) > 0 && !slices.Contains(in.ResourceARNList, r.arn) {
			continue
		}
		if r.isOf(in.ResourceTypeFilters) && r.passes(in.TagFilters) {
			found = append(found, r)
		}
	}
	if token := aws.ToString(in.PaginationToken); token != "" {
		after, err := parseToken(token, now)
		if err != nil {
			return nil, err
		}
		found = found[sort.Search(len(found), func(i int) bool { return found[i].arn > after }):]
	}
	size := defaultPage
	if in.ResourcesPerPage != nil {
		size = int(*in.ResourcesPerPage)
	}
	if len(in.ResourceARNList) > 0 {
		size = maxARNs
	} else if trouble.PageSize > 0 {
		size = min(size, trouble.PageSize)
	}
	// TagsPerPage counts tags of whole resources: a page ends before the resource that would exceed it.
	tags := 0
	n := 0
	for n < len(found) && n < size {
		tags += max(1, len(found[n].tags))
		if in.TagsPerPage != nil && n > 0 && tags > int(*in.TagsPerPage) {
			break
		}
		n++
	}
	out := &resourcegroupstaggingapi.GetResourcesOutput{PaginationToken: aws.String("")}
	if n < len(found) {
		out.PaginationToken = aws.String(newToken(found[n-1].arn, now))
	}
	for _, r := range found[:n] {
		item := types.ResourceTagMapping{ResourceARN: aws.String(r.arn), Tags: []types.Tag{}}
		for _, k := range slices.Sorted(maps.Keys(r.tags)) {
			item.Tags = append(item.Tags, types.Tag{Key: aws.String(k), Value: aws.String(r.tags[k])})
		}
		out.ResourceTagMappingList = append(out.ResourceTagMappingList, item)
	}
	return out, nil
}

// tokenLife is how long a pagination token is good for.
const tokenLife = 15 * time.Minute

func newToken(after string, now time.Time) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %s", now.Unix(), after))
}

// parseToken finds what a token follows.
func parseToken(token string, now time.Time) (string, error) {
	text, err := base64.RawURLEncoding.DecodeString(token)
	made, after, ok := strings.Cut(string(text), " ")
	seconds, bad := strconv.ParseInt(made, 10, 64)
	if err != nil || !ok || bad != nil || now.Sub(time.Unix(seconds, 0)) > tokenLife {
		return "", apierr.New("PaginationTokenExpiredException", "The specified PaginationToken has expired or is not valid.")
	}
	return after, nil
}

func invalid(format string, args ...any) error {
	return apierr.New("InvalidParameterException", format, args...)
}

func check(in *resourcegroupstaggingapi.GetResourcesInput) error {
	if len(in.ResourceARNList) > 0 && (len(in.TagFilters) > 0 || len(in.ResourceTypeFilters) > 0 ||
		in.ResourcesPerPage != nil || in.TagsPerPage != nil || aws.ToString(in.PaginationToken) != "") {
		return invalid("ResourceARNList cannot be specified together with filters or pagination")
	}
	if len(in.ResourceARNList) > maxARNs {
		return invalid("ResourceARNList can hold %d ARNs at most", maxARNs)
	}
	if n := in.ResourcesPerPage; n != nil && (*n < 1 || *n > maxPage) {
		return invalid("ResourcesPerPage must be between 1 and %d", maxPage)
	}
	if n := in.TagsPerPage; n != nil && (*n < minTagsPage || *n > maxTagsPage || *n%minTagsPage != 0) {
		return invalid("TagsPerPage must be a multiple of %d between %d and %d", minTagsPage, minTagsPage, maxTagsPage)
	}
	if len(in.ResourceTypeFilters) > maxTypes {
		return invalid("ResourceTypeFilters can hold %d types at most", maxTypes)
	}
	for _, t := range in.ResourceTypeFilters {
		if name, _, _ := strings.Cut(t, ":"); name == "" || strings.ToLower(t) != t || strings.Count(t, ":") > 1 {
			return invalid("The resource type filter '%s' is not valid", t)
		}
	}
	if len(in.TagFilters) > maxTagFilters {
		return invalid("TagFilters can hold %d keys at most", maxTagFilters)
	}
	for _, f := range in.TagFilters {
		if aws.ToString(f.Key) == "" {
			return invalid("A tag filter needs a key")
		}
		if len(f.Values) > maxFilterValue {
			return invalid("The tag filter of key '%s' can hold %d values at most", *f.Key, maxFilterValue)
		}
	}
	return nil
}
