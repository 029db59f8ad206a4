package shield

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/shield"
	"github.com/aws/aws-sdk-go-v2/service/shield/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
)

const (
	defaultPage = 20
	maxPage     = 10_000
)

var (
	nameForm = regexp.MustCompile(`^[ a-zA-Z0-9_.\-]{1,128}$`)
	idForm   = regexp.MustCompile(`^[a-zA-Z0-9\-]{1,36}$`)
)

// kinds give the type of a resource by its ARN. Network load balancers are protected through their Elastic IP
// addresses.
var kinds = []struct {
	form *regexp.Regexp
	kind types.ProtectedResourceType
}{
	{regexp.MustCompile(`^arn:[\w-]+:elasticloadbalancing:[\w-]+:\d{12}:loadbalancer/app/.+$`),
		types.ProtectedResourceTypeApplicationLoadBalancer},
	{regexp.MustCompile(`^arn:[\w-]+:elasticloadbalancing:[\w-]+:\d{12}:loadbalancer/[^/]+$`),
		types.ProtectedResourceTypeClassicLoadBalancer},
	{regexp.MustCompile(`^arn:[\w-]+:ec2:[\w-]+:\d{12}:eip-allocation/eipalloc-\w+$`),
		types.ProtectedResourceTypeElasticIpAllocation},
	{regexp.MustCompile(`^arn:[\w-]+:globalaccelerator::\d{12}:accelerator/[\w-]+$`),
		types.ProtectedResourceTypeGlobalAccelerator},
	{regexp.MustCompile(`^arn:[\w-]+:route53:::hostedzone/\w+$`), types.ProtectedResourceTypeRoute53HostedZone},
	{regexp.MustCompile(`^arn:[\w-]+:cloudfront::\d{12}:distribution/\w+$`),
		types.ProtectedResourceTypeCloudfrontDistribution},
}

func kindOf(arn string) (types.ProtectedResourceType, bool) {
	for _, k := range kinds {
		if k.form.MatchString(arn) {
			return k.kind, true
		}
	}
	return "", false
}

// exists reports whether a resource of this account and region exists; of resources elsewhere nothing is known.
func (s *Service) exists(arn string, kind types.ProtectedResourceType) bool {
	parts := strings.SplitN(arn, ":", 6)
	switch kind {
	case types.ProtectedResourceTypeApplicationLoadBalancer:
		return parts[3] != s.account.Region || s.account.LoadBalancers[arn] != nil
	case types.ProtectedResourceTypeElasticIpAllocation:
		return parts[3] != s.account.Region || s.account.Addresses[strings.TrimPrefix(parts[5], "eip-allocation/")] != nil
	case types.ProtectedResourceTypeGlobalAccelerator:
		return s.account.Accelerators[arn] != nil
	default:
	}
	return true
}

// CreateProtection protects a resource.
func (s *Service) CreateProtection(ctx context.Context, in *shield.CreateProtectionInput, _ ...func(*shield.Options)) (
	*shield.CreateProtectionOutput, error) {
	return call.Write(ctx, s.entry, "CreateProtection", in, s.createProtection)
}

func (s *Service) createProtection(in *shield.CreateProtectionInput) (*shield.CreateProtectionOutput, error) {
	name, arn := aws.ToString(in.Name), aws.ToString(in.ResourceArn)
	if !nameForm.MatchString(name) {
		return nil, invalid("The name %q must have 1 to 128 letters, digits, spaces, underscores, full stops and hyphens.",
			name)
	}
	if s.account.Subscription == nil {
		return nil, unsubscribed()
	}
	kind, ok := kindOf(arn)
	if !ok {
		return nil, apierr.New("InvalidResourceException",
			"The resource %s is invalid. You might not have access to the resource, or the resource might not exist.", arn)
	}
	if !s.exists(arn, kind) {
		return nil, apierr.New("ResourceNotFoundException", "The referenced resource %s does not exist.", arn)
	}
	if s.account.ProtectionOf(arn) != nil {
		return nil, apierr.New("ResourceAlreadyExistsException", "The referenced protection already exists.")
	}
	same := 0
	for _, p := range s.account.Protections {
		if k, _ := kindOf(p.Resource); k == kind {
			same++
		}
	}
	if q := s.account.Quota("protections-per-resource-type"); same >= q {
		return nil, apierr.New("LimitsExceededException", "The operation would exceed the limit of %d protections for %s.", q,
			kind)
	}
	tags, err := merge(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	id := s.account.NewUUID()
	s.account.AddProtection(&account.Protection{
		ID: id, ARN: strings.Join([]string{"arn", s.account.Partition, service, "", s.account.ID, "protection/" + id}, ":"),
		Name: name, Resource: arn, Tags: tags,
	})
	return &shield.CreateProtectionOutput{ProtectionId: aws.String(id)}, nil
}

func describe(p *account.Protection) *types.Protection {
	return &types.Protection{
		Id: aws.String(p.ID), ProtectionArn: aws.String(p.ARN), Name: aws.String(p.Name), ResourceArn: aws.String(p.Resource),
		HealthCheckIds: []string{},
	}
}

func notProtected() error {
	return apierr.New("ResourceNotFoundException", "The referenced protection does not exist.")
}

// DescribeProtection describes a protection by its id or by what it protects, one of the two.
func (s *Service) DescribeProtection(ctx context.Context, in *shield.DescribeProtectionInput,
	_ ...func(*shield.Options)) (*shield.DescribeProtectionOutput, error) {
	return call.Read(ctx, s.entry, "DescribeProtection", in, func(in *shield.DescribeProtectionInput) (
		*shield.DescribeProtectionOutput, error) {
		if (in.ProtectionId == nil) == (in.ResourceArn == nil) {
			return nil, invalid("Specify either the ProtectionId or the ResourceArn, and not both.")
		}
		p := s.account.ProtectionOf(aws.ToString(in.ResourceArn))
		if in.ProtectionId != nil {
			p = s.account.Protections[*in.ProtectionId]
		}
		if p == nil {
			return nil, notProtected()
		}
		return &shield.DescribeProtectionOutput{Protection: describe(p)}, nil
	})
}

// DeleteProtection ends a protection.
func (s *Service) DeleteProtection(ctx context.Context, in *shield.DeleteProtectionInput, _ ...func(*shield.Options)) (
	*shield.DeleteProtectionOutput, error) {
	return call.Write(ctx, s.entry, "DeleteProtection", in, func(in *shield.DeleteProtectionInput) (
		*shield.DeleteProtectionOutput, error) {
		id := aws.ToString(in.ProtectionId)
		if !idForm.MatchString(id) {
			return nil, invalid("The protection id %q is not valid.", id)
		}
		if s.account.Protections[id] == nil {
			return nil, notProtected()
		}
		delete(s.account.Protections, id)
		return &shield.DeleteProtectionOutput{}, nil
	})
}

// ListProtections lists the protections by id; the inclusion filters are all to be met.
func (s *Service) ListProtections(ctx context.Context, in *shield.ListProtectionsInput, _ ...func(*shield.Options)) (
	*shield.ListProtectionsOutput, error) {
	return call.Read(ctx, s.entry, "ListProtections", in, s.listProtections)
}

func (s *Service) listProtections(in *shield.ListProtectionsInput) (*shield.ListProtectionsOutput, error) {
	if s.account.Subscription == nil && len(s.account.Protections) == 0 {
		return nil, unsubscribed()
	}
	size := defaultPage
	if n := aws.ToInt32(in.MaxResults); n < 0 || n > maxPage {
		return nil, invalid("MaxResults must be between 0 and %d", maxPage)
	} else if n > 0 {
		size = int(n)
	}
	if most := s.account.Trouble.PageSize; most > 0 {
		size = min(size, most)
	}
	filters := types.InclusionProtectionFilters{}
	if in.InclusionFilters != nil {
		filters = *in.InclusionFilters
	}
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(s.account.Protections)) {
		p := s.account.Protections[id]
		kind, _ := kindOf(p.Resource)
		if (len(filters.ResourceArns) == 0 || slices.Contains(filters.ResourceArns, p.Resource)) &&
			(len(filters.ProtectionNames) == 0 || slices.Contains(filters.ProtectionNames, p.Name)) &&
			(len(filters.ResourceTypes) == 0 || slices.Contains(filters.ResourceTypes, kind)) {
			ids = append(ids, id)
		}
	}
	if token := aws.ToString(in.NextToken); token != "" {
		after, ok := call.After(token)
		if !ok {
			return nil, apierr.New("InvalidPaginationTokenException",
				"The NextToken specified in the request is invalid. Submit the request using the NextToken value that was "+
					"returned in the prior response.")
		}
		ids = ids[sort.Search(len(ids), func(i int) bool { return ids[i] > after }):]
	}
	out := &shield.ListProtectionsOutput{Protections: []types.Protection{}}
	if len(ids) > size {
		ids = ids[:size]
		out.NextToken = call.Marker(ids[size-1])
	}
	for _, id := range ids {
		out.Protections = append(out.Protections, *describe(s.account.Protections[id]))
	}
	return out, nil
}
