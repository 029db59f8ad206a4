package acm

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/hostedzone"
	"github.com/k8s-lbc/lbc/awssim/account/pki"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/seed"
)

const (
	wildcardARN = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-000000000001"
	ellipticARN = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de002-0000-4000-8000-000000000002"
	unknownARN  = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de009-0000-4000-8000-000000000009"
)

var ctx = context.Background()

func newService(t *testing.T) (*Service, *clock.Stepped) {
	t.Helper()
	c := clock.NewStepped(time.Unix(1_700_000_000, 0))
	a := &account.Account{Clock: c, Profile: account.Real()}
	if err := seed.Default().Apply(a); err != nil {
		t.Fatal(err)
	}
	return New(a, nil), c
}

// wantCode fails the test if err does not have AWS's error code. "" stands for success.
func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if got := apierr.CodeOf(err); got != code || got == "" && err != nil {
		t.Errorf("got %v, want code %q", err, code)
	}
}

// listen makes a load balancer whose listener serves the certificate.
func listen(a *account.Account, certificate string) *account.Listener {
	lb := &account.LoadBalancer{ARN: "arn:lb", Name: "lb"}
	a.AddLoadBalancer(lb)
	l := &account.Listener{ARN: "arn:listener", LoadBalancer: lb, Port: 443, Protocol: "HTTPS", Certificate: certificate}
	a.AddListener(l, &account.Rule{ARN: "arn:rule"})
	return l
}

func TestOnlyShortRSAKeysAreListedByDefault(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	every := (types.KeyAlgorithm("")).Values()
	tests := []struct {
		name string
		in   acm.ListCertificatesInput
		want int
	}{
		{"default", acm.ListCertificatesInput{}, 2},
		{"other filters only", acm.ListCertificatesInput{
			Includes: &types.Filters{KeyUsage: []types.KeyUsageName{types.KeyUsageNameDigitalSignature}}}, 2},
		{"all key types", acm.ListCertificatesInput{Includes: &types.Filters{KeyTypes: every}}, 3},
		{"elliptic", acm.ListCertificatesInput{
			Includes: &types.Filters{KeyTypes: []types.KeyAlgorithm{types.KeyAlgorithmEcPrime256v1}}}, 1},
		{"issued", acm.ListCertificatesInput{CertificateStatuses: []types.CertificateStatus{types.CertificateStatusIssued}},
			2},
		{"expired", acm.ListCertificatesInput{CertificateStatuses: []types.CertificateStatus{types.CertificateStatusExpired}},
			0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out, err := s.ListCertificates(ctx, &tt.in)
			if err != nil || len(out.CertificateSummaryList) != tt.want {
				t.Errorf("got %+v, %v; want %d", out, err, tt.want)
			}
		})
	}
	_, err := s.ListCertificates(ctx, &acm.ListCertificatesInput{
		Includes: &types.Filters{KeyTypes: []types.KeyAlgorithm{"RSA-2048"}}})
	wantCode(t, err, "ValidationException")
	_, err = s.ListCertificates(ctx, &acm.ListCertificatesInput{MaxItems: aws.Int32(1001)})
	wantCode(t, err, "ValidationException")
	_, err = s.ListCertificates(ctx, &acm.ListCertificatesInput{NextToken: aws.String("x")})
	wantCode(t, err, "ValidationException")
}

func TestPagesOfCertificatesCoverAllOnce(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	seen := map[string]int{}
	p := acm.NewListCertificatesPaginator(s, &acm.ListCertificatesInput{MaxItems: aws.Int32(1), Includes: &types.Filters{
		KeyTypes: types.KeyAlgorithm("").Values()}})
	for p.HasMorePages() {
		out, err := p.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range out.CertificateSummaryList {
			seen[*c.CertificateArn]++
		}
	}
	if len(seen) != 3 || seen[wildcardARN] != 1 {
		t.Errorf("saw %v", seen)
	}
}

func TestSummariesHoldNamesAndUse(t *testing.T) {
	t.Parallel()
	s, c := newService(t)
	l := listen(s.account, wildcardARN)
	s.account.Changed()
	find := func() types.CertificateSummary {
		out, err := s.ListCertificates(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range out.CertificateSummaryList {
			if *c.CertificateArn == wildcardARN {
				return c
			}
		}
		t.Fatal("the certificate is not listed")
		return types.CertificateSummary{}
	}
	if got := find(); *got.DomainName != "example.com" || strings.Join(got.SubjectAlternativeNameSummaries, " ") !=
		"example.com *.example.com" || !*got.InUse || *got.HasAdditionalSubjectAlternativeNames {
		t.Errorf("got %+v", got)
	}
	_, err := s.DeleteCertificate(ctx, &acm.DeleteCertificateInput{CertificateArn: aws.String(wildcardARN)})
	wantCode(t, err, "ResourceInUseException")
	out, err := s.DescribeCertificate(ctx, &acm.DescribeCertificateInput{CertificateArn: aws.String(wildcardARN)})
	if err != nil || len(out.Certificate.InUseBy) != 1 || out.Certificate.InUseBy[0] != "arn:lb" {
		t.Errorf("got %+v, %v", out, err)
	}
	s.account.RemoveListener(l)
	s.account.Changed()
	if !*find().InUse {
		t.Error("ACM learns that a listener went later than at once")
	}
	c.Advance(s.account.Profile.CertificateRelease)
	if *find().InUse {
		t.Error("still in use long after the listener went")
	}
	_, err = s.DeleteCertificate(ctx, &acm.DeleteCertificateInput{CertificateArn: aws.String(wildcardARN)})
	wantCode(t, err, "")
	_, err = s.DeleteCertificate(ctx, &acm.DeleteCertificateInput{CertificateArn: aws.String(wildcardARN)})
	wantCode(t, err, "ResourceNotFoundException")
}

func TestBadARNsAreRefused(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	for arn, code := range map[string]string{"": "ValidationException", "x": "InvalidArnException",
		unknownARN: "ResourceNotFoundException", ellipticARN: ""} {
		_, err := s.DescribeCertificate(ctx, &acm.DescribeCertificateInput{CertificateArn: aws.String(arn)})
		wantCode(t, err, code)
		_, err = s.ListTagsForCertificate(ctx, &acm.ListTagsForCertificateInput{CertificateArn: aws.String(arn)})
		wantCode(t, err, code)
	}
}

func TestARequestedCertificateIsValidatedAndIssuedInTime(t *testing.T) {
	t.Parallel()
	s, c := newService(t)
	in := &acm.RequestCertificateInput{
		DomainName: aws.String("new.example.net"), SubjectAlternativeNames: []string{"*.new.example.net", "new.example.net"},
		ValidationMethod: types.ValidationMethodDns, IdempotencyToken: aws.String("t1"), Tags: []types.Tag{
			{Key: aws.String("k"), Value: aws.String("v")}},
	}
	out, err := s.RequestCertificate(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	describe := func() *types.CertificateDetail {
		t.Helper()
		d, err := s.DescribeCertificate(ctx, &acm.DescribeCertificateInput{CertificateArn: out.CertificateArn})
		if err != nil {
			t.Fatal(err)
		}
		return d.Certificate
	}
	d := describe()
	if d.Status != types.CertificateStatusPendingValidation || d.DomainValidationOptions[0].ResourceRecord != nil ||
		d.IssuedAt != nil || len(d.SubjectAlternativeNames) != 2 {
		t.Errorf("at once: %+v", d)
	}
	c.Advance(s.account.Profile.CertificateRecord)
	d = describe()
	apex, wildcard := d.DomainValidationOptions[0].ResourceRecord, d.DomainValidationOptions[1].ResourceRecord
	if apex == nil || *apex.Name != *wildcard.Name || *apex.Value != *wildcard.Value || !strings.HasSuffix(*apex.Name,
		".new.example.net.") ||
		!strings.HasSuffix(*apex.Value, ".acm-validations.aws.") {
		t.Errorf("records: %+v, %+v", apex, wildcard)
	}
	if again, err := s.RequestCertificate(ctx, in); err != nil || *again.CertificateArn != *out.CertificateArn {
		t.Errorf("same token: %v, %v", again, err)
	}
	publish(t, s.account, "example.net.", *apex.Name, *apex.Value)
	c.Advance(s.account.Profile.RecordSync)
	if d = describe(); d.Status != types.CertificateStatusPendingValidation ||
		d.DomainValidationOptions[0].ValidationStatus != types.DomainStatusSuccess {
		t.Errorf("as soon as DNS has the record: %+v", d)
	}
	c.Advance(s.account.Profile.CertificateIssue)
	if d = describe(); d.Status != types.CertificateStatusIssued || d.IssuedAt == nil ||
		d.DomainValidationOptions[0].ValidationStatus != types.DomainStatusSuccess {
		t.Errorf("in the end: %+v", d)
	}
	c.Advance(time.Hour)
	if again, err := s.RequestCertificate(ctx, in); err != nil || *again.CertificateArn == *out.CertificateArn {
		t.Errorf("same token after an hour: %v, %v", again, err)
	}
}

// publish makes a public zone that has one CNAME record.
func publish(t *testing.T, a *account.Account, zone, name, value string) *hostedzone.Zone {
	t.Helper()
	a.Lock()
	defer a.Unlock()
	z := &hostedzone.Zone{Name: zone, CallerReference: zone}
	a.AddHostedZone(z)
	a.SetRecords(z, append(slices.Clone(z.Records()), &hostedzone.RecordSet{Name: name, Type: "CNAME", TTL: 60,
		Values: []string{value}}), "")
	return z
}

func TestBadRequestsAreRefused(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	many := make([]string, 10)
	for i := range many {
		many[i] = fmt.Sprintf("n%d.example.net", i)
	}
	tests := []struct {
		name string
		in   acm.RequestCertificateInput
		code string
	}{
		{"no domain", acm.RequestCertificateInput{}, "ValidationException"},
		{"no domain name", acm.RequestCertificateInput{DomainName: aws.String("-")}, "ValidationException"},
		{"long common name", acm.RequestCertificateInput{DomainName: aws.String(strings.Repeat("a", 60) + ".example.net")},
			"ValidationException"},
		{"wildcard in the middle", acm.RequestCertificateInput{DomainName: aws.String("a.*.example.net")},
			"ValidationException"},
		{"51 tags", acm.RequestCertificateInput{DomainName: aws.String("example.net"), Tags: tags(51)},
			"TooManyTagsException"},
		{"50 tags", acm.RequestCertificateInput{DomainName: aws.String("example.net"), Tags: tags(50)}, ""},
		{"101 alternative names", acm.RequestCertificateInput{DomainName: aws.String("example.net"),
			SubjectAlternativeNames: make([]string, 101)}, "ValidationException"},
		{"alternative name of 254 characters", acm.RequestCertificateInput{DomainName: aws.String("example.net"),
			SubjectAlternativeNames: []string{strings.Repeat("a.", 121) + "example.netx"}}, "ValidationException"},
		{"common name of 64 bytes", acm.RequestCertificateInput{
			DomainName: aws.String(strings.Repeat("a", 52) + ".example.net")}, ""},
		{"long alternative name", acm.RequestCertificateInput{DomainName: aws.String("example.net"),
			SubjectAlternativeNames: []string{strings.Repeat("a", 60) + ".example.net"}}, ""},
		{"key that no public authority signs", acm.RequestCertificateInput{DomainName: aws.String("example.net"),
			KeyAlgorithm: types.KeyAlgorithmRsa4096}, "InvalidParameterException"},
		{"token of 33 characters", acm.RequestCertificateInput{DomainName: aws.String("example.net"),
			IdempotencyToken: aws.String(strings.Repeat("t", 33))}, "ValidationException"},
		{"eleven names", acm.RequestCertificateInput{DomainName: aws.String("example.net"), SubjectAlternativeNames: many},
			"LimitExceededException"},
		{"bad token", acm.RequestCertificateInput{DomainName: aws.String("example.net"), IdempotencyToken: aws.String("a-b")},
			"ValidationException"},
		{"reserved tag", acm.RequestCertificateInput{DomainName: aws.String("example.net"), Tags: []types.Tag{
			{Key: aws.String("aws:a")}}}, "InvalidTagException"},
		{"foreign validation domain", acm.RequestCertificateInput{DomainName: aws.String("example.net"),
			DomainValidationOptions: []types.DomainValidationOption{
				{DomainName: aws.String("example.net"), ValidationDomain: aws.String("example.org")}}},
			"InvalidDomainValidationOptionsException"},
		{"private", acm.RequestCertificateInput{DomainName: aws.String("example.net"), CertificateAuthorityArn: aws.String(
			"arn:aws:acm-pca:us-west-2:123456789012:certificate-authority/1")}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := s.RequestCertificate(ctx, &tt.in)
			wantCode(t, err, tt.code)
		})
	}
}

func tags(n int) []types.Tag {
	var out []types.Tag
	for i := range n {
		out = append(out, types.Tag{Key: aws.String(fmt.Sprint("k", i)), Value: aws.String("")})
	}
	return out
}

func TestASummaryHoldsAHundredNames(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	if err := s.account.SetQuota("domains-per-certificate", 100); err != nil {
		t.Fatal(err)
	}
	request := func(token string, names ...string) *string {
		out, err := s.RequestCertificate(ctx, &acm.RequestCertificateInput{DomainName: aws.String("many.example.net"),
			SubjectAlternativeNames: names, ValidationMethod: "DNS", IdempotencyToken: aws.String(token)})
		if err != nil {
			t.Fatal(err)
		}
		return out.CertificateArn
	}
	var names []string
	for i := range 99 {
		names = append(names, fmt.Sprintf("n%d.example.net", i))
	}
	arn := request("t", names...)
	if other := request("t", names[:98]...); *other == *arn {
		t.Error("the same token with other parameters finds the same certificate")
	}
	more := s.account.Certificates[*arn]
	more.AlternativeNames = append(more.AlternativeNames, "last.example.net")
	out, err := s.ListCertificates(ctx, &acm.ListCertificatesInput{CertificateStatuses: []types.CertificateStatus{
		types.CertificateStatusPendingValidation}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range out.CertificateSummaryList {
		if *c.CertificateArn == *arn && (len(c.SubjectAlternativeNameSummaries) != 100 ||
			!*c.HasAdditionalSubjectAlternativeNames || c.Type != types.CertificateTypeAmazonIssued ||
			c.KeyAlgorithm != types.KeyAlgorithmRsa2048 || c.CreatedAt == nil) {
			t.Errorf("%d names, %+v", len(c.SubjectAlternativeNameSummaries), c)
		}
	}
	if d := s.detail(t, arn); d.SubjectAlternativeNames[0] != "many.example.net" {
		t.Errorf("the names do not begin with the certificate's own: %v", d.SubjectAlternativeNames[:2])
	}
}

func TestAnImportedCertificateIsServedAndCanBeReplaced(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	var authority pki.Authority
	imported := func(name string) (certificate, key, chain []byte) {
		pair, err := authority.Issue([]string{name}, pki.ECPrime256v1)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		block := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
		return block("CERTIFICATE", pair.Certificate[0]), block("PRIVATE KEY", der), block("CERTIFICATE", pair.Certificate[1])
	}
	certificate, key, chain := imported("one.example.org")
	out, err := s.ImportCertificate(ctx, &acm.ImportCertificateInput{Certificate: certificate, PrivateKey: key,
		CertificateChain: chain})
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.DescribeCertificate(ctx, &acm.DescribeCertificateInput{CertificateArn: out.CertificateArn})
	if err != nil || d.Certificate.Type != types.CertificateTypeImported || d.Certificate.KeyAlgorithm !=
		types.KeyAlgorithmEcPrime256v1 || *d.Certificate.DomainName != "one.example.org" {
		t.Errorf("got %+v, %v", d, err)
	}
	got, err := s.GetCertificate(ctx, &acm.GetCertificateInput{CertificateArn: out.CertificateArn})
	if err != nil || *got.Certificate != string(certificate) || *got.CertificateChain != string(chain) {
		t.Errorf("read back: %v", err)
	}
	second, secondKey, _ := imported("two.example.org")
	_, err = s.ImportCertificate(ctx, &acm.ImportCertificateInput{Certificate: second, PrivateKey: key})
	wantCode(t, err, "ValidationException")
	_, err = s.ImportCertificate(ctx, &acm.ImportCertificateInput{Certificate: second, PrivateKey: secondKey,
		CertificateArn: aws.String(wildcardARN)})
	wantCode(t, err, "ValidationException")
	_, err = s.ImportCertificate(ctx, &acm.ImportCertificateInput{Certificate: second, PrivateKey: secondKey,
		CertificateArn: out.CertificateArn})
	wantCode(t, err, "")
	pair, err := s.account.TLSCertificate(*out.CertificateArn)
	if err != nil || pair.Leaf.DNSNames[0] != "two.example.org" {
		t.Errorf("after replacing: %v, %v", pair, err)
	}
}

func TestTagsOfCertificates(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	add := func(tags ...types.Tag) error {
		_, err := s.AddTagsToCertificate(ctx, &acm.AddTagsToCertificateInput{CertificateArn: aws.String(wildcardARN),
			Tags: tags})
		return err
	}
	tag := func(k, v string) types.Tag { return types.Tag{Key: aws.String(k), Value: aws.String(v)} }
	wantCode(t, add(tag("a", "1"), tag("b", "2")), "")
	wantCode(t, add(tag("aws:a", "1")), "InvalidTagException")
	many := make([]types.Tag, 49)
	for i := range many {
		many[i] = tag(fmt.Sprint(i), "")
	}
	wantCode(t, add(many...), "TooManyTagsException")
	_, err := s.RemoveTagsFromCertificate(ctx, &acm.RemoveTagsFromCertificateInput{CertificateArn: aws.String(wildcardARN),
		Tags: []types.Tag{tag("a", "other"), {Key: aws.String("b")}}})
	wantCode(t, err, "")
	out, err := s.ListTagsForCertificate(ctx, &acm.ListTagsForCertificateInput{CertificateArn: aws.String(wildcardARN)})
	if err != nil || len(out.Tags) != 1 || *out.Tags[0].Key != "a" {
		t.Errorf("got %+v, %v", out, err)
	}
}
