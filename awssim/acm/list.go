package acm

import (
	"cmp"
	"context"
	"slices"
	"sort"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/resource"
	"github.com/k8s-lbc/lbc/awssim/call"
)

const (
	maxPage = 1000
	// maxSummarised is the number of names that a summary holds.
	maxSummarised = 100
)

// listedByDefault are the key types that ListCertificates shows where the call names none.
var listedByDefault = []types.KeyAlgorithm{types.KeyAlgorithmRsa1024, types.KeyAlgorithmRsa2048}

// ListCertificates lists certificates; unless asked for by key type, only those with RSA keys of 1024 and 2048 bits.
func (s *Service) ListCertificates(ctx context.Context, in *acm.ListCertificatesInput, _ ...func(*acm.Options)) (
	*acm.ListCertificatesOutput, error) {
	return call.Read(ctx, s.entry, "ListCertificates", in, s.listCertificates)
}

func (s *Service) listCertificates(in *acm.ListCertificatesInput) (*acm.ListCertificatesOutput, error) {
	size := maxPage
	if in.MaxItems != nil {
		if *in.MaxItems < 1 || *in.MaxItems > maxPage {
			return nil, invalid("1 validation error detected: Value '%d' at 'maxItems' failed to satisfy constraint: Member "+
				"must be between 1 and %d", *in.MaxItems, maxPage)
		}
		size = int(*in.MaxItems)
	}
	if err := checkEnums(in); err != nil {
		return nil, err
	}
	if (in.SortBy == "") != (in.SortOrder == "") {
		return nil, invalid("SortBy and SortOrder must both be given")
	}
	keys := listedByDefault
	if in.Includes != nil && len(in.Includes.KeyTypes) > 0 {
		keys = in.Includes.KeyTypes
	}
	s.account.SettleCertificates()
	var found []*account.Certificate
	for _, arn := range resource.AnswerOrder(s.account.Certificates) {
		c := s.account.Certificates[arn]
		if selected(in, keys, c) {
			found = append(found, c)
		}
	}
	if in.SortBy == types.SortByCreatedAt {
		sort.SliceStable(found, func(i, j int) bool {
			if in.SortOrder == types.SortOrderDescending {
				i, j = j, i
			}
			return found[i].Created.Before(found[j].Created)
		})
	}
	if most := s.account.Trouble.PageSize; most > 0 {
		size = min(size, most)
	}
	found, next, err := pageOf(found, size, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &acm.ListCertificatesOutput{NextToken: next}
	for _, c := range found {
		out.CertificateSummaryList = append(out.CertificateSummaryList, s.summary(c))
	}
	return out, nil
}

func checkEnums(in *acm.ListCertificatesInput) error {
	f := in.Includes
	if f == nil {
		f = &types.Filters{}
	}
	return cmp.Or(oneOf("certificateStatuses", in.CertificateStatuses...), oneOf("sortBy", given(in.SortBy)...),
		oneOf("sortOrder", given(in.SortOrder)...),
		oneOf("includes.keyTypes", f.KeyTypes...), oneOf("includes.keyUsage", f.KeyUsage...),
		oneOf("includes.extendedKeyUsage", f.ExtendedKeyUsage...),
		oneOf("includes.exportOption", given(f.ExportOption)...), oneOf("includes.managedBy", given(f.ManagedBy)...))
}

// oneOf refuses values that the model does not list.
func oneOf[T interface {
	~string
	Values() []T
}](field string, values ...T) error {
	for _, v := range values {
		if !slices.Contains(v.Values(), v) {
			return invalid("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must satisfy "+
				"enum value set", v, field)
		}
	}
	return nil
}

// given is a value as a list, which is empty if the value is.
func given[T ~string](v T) []T {
	if v == "" {
		return nil
	}
	return []T{v}
}

func selected(in *acm.ListCertificatesInput, keys []types.KeyAlgorithm, c *account.Certificate) bool {
	if len(in.CertificateStatuses) > 0 && !slices.Contains(in.CertificateStatuses, types.CertificateStatus(c.Status)) {
		return false
	}
	if !slices.Contains(keys, types.KeyAlgorithm(c.KeyAlgorithm)) {
		return false
	}
	if in.Includes == nil {
		return c.Domain != ""
	}
	keyUse := func(u types.KeyUsageName) bool {
		return u == types.KeyUsageNameAny || slices.Contains(keyUses(c), u)
	}
	if len(in.Includes.KeyUsage) > 0 && !slices.ContainsFunc(in.Includes.KeyUsage, keyUse) {
		return false
	}
	extended := func(u types.ExtendedKeyUsageName) bool {
		return u == types.ExtendedKeyUsageNameAny || slices.Contains(extendedKeyUses(c), u)
	}
	if len(in.Includes.ExtendedKeyUsage) > 0 && !slices.ContainsFunc(in.Includes.ExtendedKeyUsage, extended) {
		return false
	}
	export := options(c).Export
	return in.Includes.ManagedBy == "" && (in.Includes.ExportOption == "" || in.Includes.ExportOption == export)
}

func (s *Service) summary(c *account.Certificate) types.CertificateSummary {
	names := c.AlternativeNames[:min(len(c.AlternativeNames), maxSummarised)]
	out := types.CertificateSummary{
		CertificateArn:                       aws.String(c.ARN),
		DomainName:                           aws.String(c.Domain),
		SubjectAlternativeNameSummaries:      slices.Clone(names),
		HasAdditionalSubjectAlternativeNames: aws.Bool(len(c.AlternativeNames) > maxSummarised),
		Status:                               types.CertificateStatus(c.Status),
		Type:                                 types.CertificateType(c.Type),
		KeyAlgorithm:                         types.KeyAlgorithm(c.KeyAlgorithm),
		KeyUsages:                            keyUses(c),
		ExtendedKeyUsages:                    extendedKeyUses(c),
		InUse:                                aws.Bool(len(s.users(c)) > 0),
		RenewalEligibility:                   renewal(c),
		ExportOption:                         options(c).Export,
		CreatedAt:                            moment(c.Created),
		IssuedAt:                             moment(c.Issued),
		ImportedAt:                           moment(c.Imported),
		NotBefore:                            moment(c.NotBefore),
		NotAfter:                             moment(c.NotAfter),
	}
	return out
}

func renewal(c *account.Certificate) types.RenewalEligibility {
	if c.Type == "AMAZON_ISSUED" {
		return types.RenewalEligibilityEligible
	}
	return types.RenewalEligibilityIneligible
}

// moment is a time in the precision of the API, nil for none.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return aws.Time(t.UTC().Truncate(time.Millisecond))
}

// pageOf is the part of all that follows the token, which names the certificate that it follows.
func pageOf(all []*account.Certificate, size int, token *string) ([]*account.Certificate, *string, error) {
	if token != nil && *token != "" {
		after, ok := call.After(*token)
		i := slices.IndexFunc(all, func(c *account.Certificate) bool { return c.ARN == after })
		if !ok || i < 0 {
			return nil, nil, invalid("The provided NextToken is invalid")
		}
		all = all[i+1:]
	}
	if len(all) <= size {
		return all, nil, nil
	}
	return all[:size], call.Marker(all[size-1].ARN), nil
}
