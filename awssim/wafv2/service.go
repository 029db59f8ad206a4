// Package wafv2 is the part of AWS WAF that guards load balancers: web ACLs with their rules, IP sets, associations and
// tags, one method per action with the SDK client's signature, over the account's state, with AWS's validations and
// error codes. It holds no state and no wire format; it imports awssim/account, awssim/call, awssim/webacl,
// awssim/gate, awssim/apierr and the SDK's types.
package wafv2

import (
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/gate"
)

// service is the name of the service at the gate.
const service = "wafv2"

// Quotas of AWS WAF per region and scope (developer guide, "AWS WAF quotas").
const (
	maxIPSets    = 100
	maxAddresses = 10_000
	maxCapacity  = 5000
	maxPage      = 100
)

// Service answers the actions of AWS WAF.
type Service struct {
	account *account.Account
	entry   call.Entry
}

// New is the service over that account; calls pass g, which may be nil.
func New(a *account.Account, g *gate.Gate) *Service {
	return &Service{account: a, entry: call.Entry{Service: service, Account: a, Gate: g}}
}

// invalid refuses a parameter; field is one of the API's names for what is wrong, such as WEB_ACL.
func invalid(field, parameter, format string, args ...any) error {
	reason := apierr.New("", format, args...).Message
	return apierr.New("WAFInvalidParameterException", "Error reason: %s, field: %s, parameter: %s", reason,
		field, parameter)
}

func nonexistent() error {
	return apierr.New("WAFNonexistentItemException", "AWS WAF couldn't perform the operation because your resource "+
		"doesn't exist.")
}

func stale() error {
	return apierr.New("WAFOptimisticLockException", "AWS WAF couldn't save your changes because someone changed the "+
		"resource after you started to edit it. Reapply your changes.")
}

func duplicate() error {
	return apierr.New("WAFDuplicateItemException", "AWS WAF couldn't perform the operation because some resource in "+
		"your request is a duplicate of an existing one.")
}

func beyond(what string, limit int) error {
	return apierr.New("WAFLimitsExceededException", "AWS WAF couldn't perform the operation because you exceeded your "+
		"resource limit: %d %s.", limit, what)
}

var (
	nameForm        = regexp.MustCompile(`^[\w\-]{1,128}$`)
	descriptionForm = regexp.MustCompile(`^[\w+=:#@/\-,.][\w+=:#@/\-,.\s]{0,255}$`)
	metricForm      = regexp.MustCompile(`^[\w#:./-]{1,255}$`)
)

// checkScope refuses CloudFront's scope where AWS does: it has one endpoint, that of us-east-1.
func (s *Service) checkScope(scope string) error {
	if scope != regional && (scope != global || s.account.Region != globalRegion) {
		return invalid("SCOPE_VALUE", scope, "The scope is not valid.")
	}
	return nil
}

func (s *Service) checkName(name, scope string, description *string) error {
	if err := s.checkScope(scope); err != nil {
		return err
	}
	if !nameForm.MatchString(name) {
		return invalid("ENTITY", name, "The name must have 1 to 128 letters, digits, hyphens and underscores.")
	}
	if description != nil && *description != "" && !descriptionForm.MatchString(*description) {
		return invalid("DESCRIPTION", *description, "The description contains characters that are not allowed, "+
			"or is too long.")
	}
	return nil
}

// The scopes: of load balancers and the like, and of CloudFront.
const (
	regional = "REGIONAL"
	global   = "CLOUDFRONT"

	globalRegion = "us-east-1"
)

// path is the resource part of an ARN without the id: regional/webacl/web.
func path(scope, kind, name string) string {
	where := "regional"
	if scope == global {
		where = "global"
	}
	return where + "/" + kind + "/" + name
}

// arn is the ARN of path; CloudFront's resources are in us-east-1.
func (s *Service) arn(scope, path, id string) string {
	region := s.account.Region
	if scope == global {
		region = globalRegion
	}
	return strings.Join([]string{"arn", s.account.Partition, service, region, s.account.ID, path + "/" + id}, ":")
}

// pageOf is the part of all, which ascends by key, that follows the marker. As in AWS a full page has a marker, even if
// it is the last.
func pageOf[T any](s *Service, all []T, key func(T) string, limit *int32, marker *string) ([]T, *string, error) {
	size := maxPage
	if limit != nil {
		if *limit < 1 || *limit > maxPage {
			return nil, nil, invalid("LIMIT", "", "The limit must be between 1 and %d.", maxPage)
		}
		size = int(*limit)
	}
	if most := s.account.Trouble.PageSize; most > 0 {
		size = min(size, most)
	}
	if m := aws.ToString(marker); m != "" {
		after, ok := call.After(m)
		if !ok {
			return nil, nil, invalid("NEXT_MARKER", m, "The marker is not valid.")
		}
		for len(all) > 0 && key(all[0]) <= after {
			all = all[1:]
		}
	}
	if len(all) < size {
		return all, nil, nil
	}
	return all[:size], call.Marker(key(all[size-1])), nil
}
