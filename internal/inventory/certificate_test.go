package inventory_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	acmtypes "github.com/aws/aws-sdk-go-v2/service/acm/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/smithy-go"

	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/inventory"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// tagsDenied is an ACM whose tags may not be read.
type tagsDenied struct{ cloud.ACM }

func (tagsDenied) ListTagsForCertificate(context.Context, *acm.ListTagsForCertificateInput, ...func(*acm.Options)) (*acm.ListTagsForCertificateOutput, error) {
	return nil, &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "not authorized to perform: acm:ListTagsForCertificate"}
}

// managing lets stacks own certificates.
func (f *fixture) managing(trust cloud.ACM) {
	f.inv = inventory.New(cloud.Clients{ELBV2: f.sim.Balancing, EC2: f.sim.Compute, ACM: trust, STS: f.sim.Identity, Route53: f.sim.Names},
		inventory.Config{Cluster: cluster, VPC: vpc, Now: f.clock.Now, RequestCertificates: true})
}

func (f *fixture) request(domain string, tags ...string) string {
	f.Helper()
	in := &acm.RequestCertificateInput{DomainName: aws.String(domain), ValidationMethod: acmtypes.ValidationMethodDns,
		CertificateAuthorityArn: aws.String("arn:aws:acm-pca:us-west-2:123456789012:certificate-authority/1")}
	for n := 0; n < len(tags); n += 2 {
		in.Tags = append(in.Tags, acmtypes.Tag{Key: aws.String(tags[n]), Value: aws.String(tags[n+1])})
	}
	out, err := f.sim.Trust.RequestCertificate(f.Context(), in)
	if err != nil {
		f.Fatal(err)
	}
	f.clock.Advance(time.Hour)
	return *out.CertificateArn
}

func TestDiscoveryPassesOverWhatAnyStackOwnsAndKeepsPartlyTaggedOnes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	owned := f.request("a.owned.dev", "elbv2.k8s.aws/cluster", "another", "ingress.k8s.aws/stack", "x/y")
	partly := f.request("b.owned.dev", "elbv2.k8s.aws/cluster", cluster)
	f.managing(f.sim.Trust)
	got := f.answer(facts.Need{Kind: facts.NeedCertificates})
	arns, uncovered := facts.DiscoverCertificates(got, []string{"a.owned.dev", "b.owned.dev"}, nil)
	if len(arns) != 1 || arns[0] != partly || len(uncovered) != 1 {
		t.Errorf("found %v of %s (owned) and %s, without %v", arns, owned, partly, uncovered)
	}
	// Tags are read once, also when the listing is read again.
	f.reads()
	f.clock.Advance(5 * time.Minute)
	f.answer(facts.Need{Kind: facts.NeedCertificates})
	if r := f.reads(); r["ListTagsForCertificate"] != 0 || r["ListCertificates"] != 1 || r["DescribeCertificate"] != 0 {
		t.Errorf("%v", r)
	}
}

func TestWithoutTheFeatureNobodyAsksWhoseCertificatesAre(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.request("a.owned.dev", "elbv2.k8s.aws/cluster", "another", "ingress.k8s.aws/stack", "x/y")
	f.reads()
	got := f.answer(facts.Need{Kind: facts.NeedCertificates})
	if arns, _ := facts.DiscoverCertificates(got, []string{"a.owned.dev"}, nil); len(arns) != 1 {
		t.Errorf("found %v", arns)
	}
	if r := f.reads(); r["ListTagsForCertificate"]+r["DescribeCertificate"] != 0 {
		t.Errorf("%v", r)
	}
}

func TestAMissingPermissionToReadTagsEndsNeitherDiscoveryNorAnythingElse(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.request("a.owned.dev")
	f.managing(tagsDenied{f.sim.Trust})
	got := f.answer(facts.Need{Kind: facts.NeedCertificates})
	if arns, _ := facts.DiscoverCertificates(got, []string{"a.owned.dev"}, nil); len(arns) != 1 {
		t.Errorf("found %v", arns)
	}
	k := key(stack.Ingress, "web")
	o, err := f.inv.Observed(f.Context(), k, nil)
	if err != nil || !o.CertificatesUnknown {
		t.Errorf("%v %v", o.CertificatesUnknown, err)
	}
	need := facts.Need{Kind: facts.NeedOwnCertificates, Key: k.String()}
	asked, err := f.inv.Answer(f.Context(), []facts.Need{need})
	if err != nil || asked.OwnKnown || asked.Errors[need] == nil {
		t.Errorf("nobody is told: %v %v", asked.Errors, err)
	}
}

func TestHostedZonesAreReadToTheLastPage(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for n := range 120 {
		name := fmt.Sprintf("zone-%03d.dev", n)
		if _, err := f.sim.Names.CreateHostedZone(f.Context(), &route53.CreateHostedZoneInput{Name: aws.String(name), CallerReference: aws.String(name)}); err != nil {
			t.Fatal(err)
		}
	}
	f.managing(f.sim.Trust)
	got := f.answer(facts.Need{Kind: facts.NeedHostedZones})
	if _, ok := facts.ZoneOf(got.HostedZones, "www.zone-119.dev"); !ok {
		t.Errorf("%d zones, not the last one", len(got.HostedZones))
	}
}

// privateTrust is an ACM with private certificates only.
type privateTrust struct {
	cloud.ACM
	mu        sync.Mutex
	arns      []string
	described map[string]int
	refuse    int // how many descriptions are refused after the first two
}

func (p *privateTrust) ListCertificates(context.Context, *acm.ListCertificatesInput, ...func(*acm.Options)) (*acm.ListCertificatesOutput, error) {
	out := &acm.ListCertificatesOutput{}
	for _, arn := range p.arns {
		out.CertificateSummaryList = append(out.CertificateSummaryList, acmtypes.CertificateSummary{CertificateArn: aws.String(arn), Status: acmtypes.CertificateStatusIssued,
			Type: acmtypes.CertificateTypePrivate, DomainName: aws.String(arn + ".example.com"), SubjectAlternativeNameSummaries: []string{arn + ".example.com"}})
	}
	return out, nil
}

func (p *privateTrust) DescribeCertificate(_ context.Context, in *acm.DescribeCertificateInput, _ ...func(*acm.Options)) (*acm.DescribeCertificateOutput, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.described) >= 2 && p.refuse > 0 {
		p.refuse--
		return nil, &smithy.GenericAPIError{Code: "ThrottlingException", Message: "Rate exceeded"}
	}
	p.described[*in.CertificateArn]++
	return &acm.DescribeCertificateOutput{Certificate: &acmtypes.CertificateDetail{CertificateArn: in.CertificateArn, Status: acmtypes.CertificateStatusIssued, Type: acmtypes.CertificateTypePrivate,
		DomainName: aws.String(*in.CertificateArn + ".example.com"), CertificateAuthorityArn: aws.String("ca of " + *in.CertificateArn)}}, nil
}

func TestCertificatesThatWereDescribedBeforeAListingFailedAreNotDescribedAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p := &privateTrust{described: map[string]int{}, refuse: 100}
	for n := range 20 {
		p.arns = append(p.arns, fmt.Sprint("arn", n))
	}
	f.inv = inventory.New(cloud.Clients{ELBV2: f.sim.Balancing, EC2: f.sim.Compute, ACM: p}, inventory.Config{Cluster: cluster, VPC: vpc, Now: f.clock.Now, Authorities: true})
	need := facts.Need{Kind: facts.NeedCertificates}
	if got, err := f.inv.Answer(t.Context(), []facts.Need{need}); err != nil || got.Errors[need] == nil {
		t.Fatal("nothing failed", err)
	}
	p.refuse = 0
	for range 3 {
		f.clock.Advance(2 * time.Minute)
		got := f.answer(need).Certificates
		if len(got) != 20 || got["arn7"].CA != "ca of arn7" {
			t.Fatalf("%+v", got)
		}
	}
	for arn, n := range p.described {
		if n != 1 {
			t.Errorf("%s was described %d times", arn, n)
		}
	}
	f.clock.Advance(2 * time.Hour) // details are believed for an hour
	f.answer(need)
	if n := p.described["arn0"]; n != 2 {
		t.Errorf("described %d times", n)
	}
}
