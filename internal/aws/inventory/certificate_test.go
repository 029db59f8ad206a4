package inventory_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	acmtypes "github.com/aws/aws-sdk-go-v2/service/acm/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/lib/cache"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// tagsDenied is an ACM whose tags may not be read.
type tagsDenied struct{ awsclient.ACM }

func (tagsDenied) ListTagsForCertificate(context.Context, *acm.ListTagsForCertificateInput, ...func(*acm.Options)) (
	*acm.ListTagsForCertificateOutput, error) {
	return nil, &smithy.GenericAPIError{Code: "AccessDeniedException",
		Message: "not authorized to perform: acm:ListTagsForCertificate"}
}

// managing lets stacks own certificates.
func (f *fixture) managing(trust awsclient.ACM) {
	f.inv = inventory.New(awsclient.Clients{ELBV2: f.sim.Balancing, EC2: f.sim.Compute, ACM: trust, STS: f.sim.Identity,
		Route53: f.sim.Names},
		inventory.Config{Cluster: cluster, VPC: vpc, Now: f.clock.Now, AddOnTimeout: time.Minute, RequestCertificates: true})
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

func TestDiscoverySkipsOwnedCertificates(t *testing.T) {
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

func TestWithoutTheFeatureOwnersOfCertificatesAreNotRead(t *testing.T) {
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

// listHeld is an ACM that answers no list until it is released.
type listHeld struct {
	awsclient.ACM
	begun   chan struct{} // one for each list that begins
	release chan struct{}
}

func (a listHeld) ListCertificates(ctx context.Context, in *acm.ListCertificatesInput, o ...func(*acm.Options)) (
	*acm.ListCertificatesOutput, error) {
	a.begun <- struct{}{}
	<-a.release
	return a.ACM.ListCertificates(ctx, in, o...)
}

func TestPassUsesCertificateListBegunBefore(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	held := listHeld{f.sim.Trust, make(chan struct{}, 10), make(chan struct{})}
	f.managing(held)
	f.inv.Certificates().Prefetch(f.Context(), stack.Service) // Services own no certificates
	if len(held.begun) > 0 {
		t.Error("a list for an owner that has no certificates")
	}
	f.inv.Certificates().Prefetch(f.Context(), stack.Ingress)
	f.inv.Certificates().Prefetch(f.Context(), stack.Ingress)
	<-held.begun // the list begins without a pass
	close(held.release)
	for _, name := range []string{"web", "api"} {
		if _, err := f.inv.Observed(f.Context(), key(stack.Ingress, name), nil); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(held.begun); n > 0 {
		t.Errorf("%d more lists", n)
	}
}

func TestDiscoveryWorksWithoutTagPermission(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.request("a.owned.dev")
	f.managing(tagsDenied{f.sim.Trust})
	got := f.answer(facts.Need{Kind: facts.NeedCertificates})
	arns, _ := facts.DiscoverCertificates(got, []string{"a.owned.dev"}, nil)
	if len(arns) != 1 || !got.Certificates[arns[0]].Unproven {
		t.Errorf("found %v, %v", arns, got.Certificates)
	}
	k := key(stack.Ingress, "web")
	o, err := f.inv.Observed(f.Context(), k, nil)
	if err != nil || o.CertificatesUnread == nil {
		t.Errorf("%v %v", o.CertificatesUnread, err)
	}
	need := facts.Need{Kind: facts.NeedOwnCertificates, Key: k.String()}
	asked, err := f.inv.Answer(f.Context(), []facts.Need{need})
	if err != nil || asked.OwnKnown || asked.Errors[need] == nil {
		t.Errorf("nobody is told: %v %v", asked.Errors, err)
	}
}

// emptyTrust is an ACM that describes no certificate.
type emptyTrust struct{ awsclient.ACM }

func (emptyTrust) DescribeCertificate(context.Context, *acm.DescribeCertificateInput, ...func(*acm.Options)) (
	*acm.DescribeCertificateOutput, error) {
	return &acm.DescribeCertificateOutput{}, nil
}

func TestEmptyDescriptionIsNoAbsence(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var tags []string
	for k, v := range tracking("web") {
		tags = append(tags, k, v)
	}
	f.request("a.owned.dev", tags...)
	f.managing(emptyTrust{f.sim.Trust})
	need := facts.Need{Kind: facts.NeedOwnCertificates, Key: key(stack.Ingress, "web").String()}
	for range 2 {
		if asked, err := f.inv.Answer(f.Context(), []facts.Need{need}); err != nil || asked.OwnKnown ||
			asked.Errors[need] == nil {
			t.Errorf("%v, own %v, %v", err, asked.Own, asked.Errors)
		}
	}
}

func TestHostedZonesAreReadToTheLastPage(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for n := range 120 {
		name := fmt.Sprintf("zone-%03d.dev", n)
		if _, err := f.sim.Names.CreateHostedZone(f.Context(), &route53.CreateHostedZoneInput{Name: aws.String(name),
			CallerReference: aws.String(name)}); err != nil {
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
	awsclient.ACM
	mu        sync.Mutex
	arns      []string
	described map[string]int
	refuse    int // how many descriptions are refused after the first two
}

func (p *privateTrust) ListCertificates(context.Context, *acm.ListCertificatesInput, ...func(*acm.Options)) (
	*acm.ListCertificatesOutput, error) {
	out := &acm.ListCertificatesOutput{}
	for _, arn := range p.arns {
		out.CertificateSummaryList = append(out.CertificateSummaryList, acmtypes.CertificateSummary{
			CertificateArn: aws.String(arn), Status: acmtypes.CertificateStatusIssued,
			Type: acmtypes.CertificateTypePrivate, DomainName: aws.String(arn + ".example.com"),
			SubjectAlternativeNameSummaries: []string{arn + ".example.com"}})
	}
	return out, nil
}

func (p *privateTrust) DescribeCertificate(_ context.Context, in *acm.DescribeCertificateInput,
	_ ...func(*acm.Options)) (*acm.DescribeCertificateOutput, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.described) >= 2 && p.refuse > 0 {
		p.refuse--
		return nil, &smithy.GenericAPIError{Code: "ThrottlingException", Message: "Rate exceeded"}
	}
	p.described[*in.CertificateArn]++
	return &acm.DescribeCertificateOutput{Certificate: &acmtypes.CertificateDetail{CertificateArn: in.CertificateArn,
		Status: acmtypes.CertificateStatusIssued, Type: acmtypes.CertificateTypePrivate,
		DomainName: aws.String(*in.CertificateArn + ".example.com"), CertificateAuthorityArn: aws.String(
			"ca of " + *in.CertificateArn)}}, nil
}

// admit ends the refusals. Descriptions that were under way when a listing failed may still go on.
func (p *privateTrust) admit() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = 0
}

// descriptions is how often each certificate was described.
func (p *privateTrust) descriptions() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.described)
}

func TestFailedListingKeepsDescribedCertificates(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p := &privateTrust{described: map[string]int{}, refuse: 100}
	for n := range 20 {
		p.arns = append(p.arns, fmt.Sprint("arn", n))
	}
	f.inv = inventory.New(awsclient.Clients{ELBV2: f.sim.Balancing, EC2: f.sim.Compute, ACM: p}, inventory.Config{
		Cluster: cluster, VPC: vpc, Now: f.clock.Now, AddOnTimeout: time.Minute, Authorities: true})
	need := facts.Need{Kind: facts.NeedCertificates}
	if got, err := f.inv.Answer(t.Context(), []facts.Need{need}); err != nil || got.Errors[need] == nil {
		t.Fatal("nothing failed", err)
	}
	p.admit()
	for { // a description that was refused a moment ago may be joined
		got, err := f.inv.Answer(t.Context(), []facts.Need{need})
		if err != nil {
			t.Fatal(err)
		}
		if got.Errors[need] == nil {
			break
		}
		f.clock.Advance(2 * time.Minute)
	}
	for range 3 {
		f.clock.Advance(2 * time.Minute)
		got := f.answer(need).Certificates
		if len(got) != 20 || got["arn7"].CA != "ca of arn7" {
			t.Fatalf("%+v", got)
		}
	}
	for arn, n := range p.descriptions() {
		if n != 1 {
			t.Errorf("%s was described %d times", arn, n)
		}
	}
	f.clock.Advance(2 * time.Hour) // details are believed for an hour
	f.answer(need)
	if n := p.descriptions()["arn0"]; n != 2 {
		t.Errorf("described %d times", n)
	}
}

// shownTrust is an ACM with the certificates that it is told to show.
type shownTrust struct {
	awsclient.ACM
	shown    map[string]acmtypes.CertificateSummary
	tags     map[string][]acmtypes.Tag
	statuses []acmtypes.CertificateStatus // asked for last
	refused  string                       // code of errors
	calls    int
}

func (s *shownTrust) ListCertificates(_ context.Context, in *acm.ListCertificatesInput, _ ...func(*acm.Options)) (
	*acm.ListCertificatesOutput, error) {
	s.calls++
	s.statuses = in.CertificateStatuses
	if s.refused != "" {
		return nil, &smithy.GenericAPIError{Code: s.refused, Message: "no"}
	}
	out := &acm.ListCertificatesOutput{}
	for arn, c := range s.shown {
		c.CertificateArn = aws.String(arn)
		if slices.Contains(in.CertificateStatuses, c.Status) {
			out.CertificateSummaryList = append(out.CertificateSummaryList, c)
		}
	}
	return out, nil
}

func (s *shownTrust) ListTagsForCertificate(_ context.Context, in *acm.ListTagsForCertificateInput,
	_ ...func(*acm.Options)) (*acm.ListTagsForCertificateOutput, error) {
	return &acm.ListTagsForCertificateOutput{Tags: s.tags[*in.CertificateArn]}, nil
}

func (s *shownTrust) show(arn string, status acmtypes.CertificateStatus, names ...string) {
	s.shown[arn] = acmtypes.CertificateSummary{Status: status, Type: acmtypes.CertificateTypeAmazonIssued,
		DomainName: aws.String(names[0]), SubjectAlternativeNameSummaries: names}
}

func TestCertificatesThatComeGoOrChangeAreReportedToSubscribers(t *testing.T) {
	t.Parallel()
	for _, manages := range []bool{false, true} {
		f := newFixture(t)
		s := &shownTrust{shown: map[string]acmtypes.CertificateSummary{}, tags: map[string][]acmtypes.Tag{}}
		var news []string
		f.inv = inventory.New(awsclient.Clients{ELBV2: f.sim.Balancing, EC2: f.sim.Compute, ACM: s}, inventory.Config{
			Cluster: cluster, VPC: vpc, Now: f.clock.Now, AddOnTimeout: time.Minute,
			RequestCertificates: manages, CertificatesChanged: func(names []string) {
				news = append(news, "told")
				news = append(news, names...)
			}})
		covering := func(host string) string {
			arns, _ := facts.DiscoverCertificates(f.answer(facts.Need{Kind: facts.NeedCertificates}), []string{host}, nil)
			return strings.Join(arns, " ")
		}
		s.show("a", "ISSUED", "a.example.com", "b.example.com")
		s.show("p", "PENDING_VALIDATION", "p.example.com")
		for _, step := range []struct {
			name   string
			change func()
			news   []string
			host   string
			found  string
		}{
			{"the first listing", func() {}, nil, "a.example.com", "a"},
			{"nothing", func() {}, nil, "b.example.com", "a"},
			{"one came", func() { s.show("c", "ISSUED", "c.example.com") }, []string{"told", "c.example.com"},
				"c.example.com", "c"},
			{"one was replaced by other names", func() { s.show("c", "ISSUED", "c.example.com", "d.example.com") },
				[]string{"told", "c.example.com", "d.example.com"}, "d.example.com", "c"},
			{"one expired", func() { s.show("a", "EXPIRED", "a.example.com", "b.example.com") },
				[]string{"told", "a.example.com", "b.example.com"}, "a.example.com", ""},
			{"an unfit one went", func() { delete(s.shown, "a") }, nil, "a.example.com", ""},
			{"one was issued", func() { s.show("p", "ISSUED", "p.example.com") }, []string{"told", "p.example.com"},
				"p.example.com", "p"},
			{"one went", func() { delete(s.shown, "c") }, []string{"told", "c.example.com", "d.example.com"},
				"c.example.com", ""},
			{"AWS does not answer", func() { s.refused = "ThrottlingException" }, nil, "p.example.com", "p"},
		} {
			step.change()
			news = nil
			f.clock.Advance(61 * time.Second)
			if got := covering(step.host); got != step.found {
				t.Errorf("%s, %t: %s is covered by %q, want %q", step.name, manages, step.host, got, step.found)
			}
			if diff := cmp.Diff(step.news, news); diff != "" {
				t.Errorf("%s, %t: %s", step.name, manages, diff)
			}
		}
		if all := slices.Contains(s.statuses, "PENDING_VALIDATION"); all != manages {
			t.Errorf("asks for %v", s.statuses)
		}
		s.refused = ""
		f.clock.Advance(cache.Retry)
		covering("p.example.com")
		calls := s.calls
		f.clock.Advance(time.Minute)
		if covering("p.example.com"); s.calls != calls {
			t.Error("listed again within a minute")
		}
		s.refused = "AccessDeniedException"
		f.clock.Advance(time.Second)
		need := facts.Need{Kind: facts.NeedCertificates}
		if got, err := f.inv.Answer(t.Context(), []facts.Need{need}); err != nil || got.Errors[need] == nil {
			t.Errorf("what may not be listed any more is %+v, %v", got.Certificates, err)
		}
	}
}

func TestOwnCertificateIsKnownBeforeListsShowIt(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	s := &shownTrust{shown: map[string]acmtypes.CertificateSummary{}, tags: map[string][]acmtypes.Tag{}}
	f.inv = inventory.New(awsclient.Clients{ELBV2: f.sim.Balancing, EC2: f.sim.Compute, ACM: s}, inventory.Config{
		Cluster: cluster, VPC: vpc, Now: f.clock.Now, AddOnTimeout: time.Minute, RequestCertificates: true})
	known := func() bool {
		_, ok := f.answer(facts.Need{Kind: facts.NeedCertificates}).Certificates["mine"]
		return ok
	}
	known()
	f.inv.Record(key(stack.Ingress, "web"), awsop.RequestCertificate{Certificate: stack.Certificate{
		ID: "x", Domain: "m.example.com", Tags: tracking("web")}}, awsop.Output{ID: "mine"}, literally)
	f.inv.InvalidateFacts(facts.Need{Kind: facts.NeedCertificates})
	if !known() {
		t.Error("what was just made is forgotten")
	}
	f.clock.Advance(time.Minute)
	f.inv.InvalidateFacts(facts.Need{Kind: facts.NeedCertificates})
	if !known() {
		t.Error("what was made a minute ago is forgotten")
	}
	f.clock.Advance(time.Second)
	f.inv.InvalidateFacts(facts.Need{Kind: facts.NeedCertificates})
	if known() {
		t.Error("what nobody lists is thought to be there")
	}
}

func TestAStackThatOwnsACertificateTakesItFromDiscovery(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	s := &shownTrust{shown: map[string]acmtypes.CertificateSummary{}, tags: map[string][]acmtypes.Tag{}}
	var news []string
	f.inv = inventory.New(awsclient.Clients{ELBV2: f.sim.Balancing, EC2: f.sim.Compute, ACM: s}, inventory.Config{
		Cluster: cluster, VPC: vpc, Now: f.clock.Now, AddOnTimeout: time.Minute,
		RequestCertificates: true, CertificatesChanged: func(names []string) { news = append(news, names...) }})
	s.show("a", "ISSUED", "a.example.com")
	need := facts.Need{Kind: facts.NeedCertificates}
	if f.answer(need).Certificates["a"].Owned {
		t.Fatal("owned")
	}
	for k, v := range tracking("web") {
		s.tags["a"] = append(s.tags["a"], acmtypes.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	f.clock.Advance(9 * time.Hour)
	if f.answer(need).Certificates["a"].Owned || len(news) > 0 {
		t.Error("tags are read again though nobody but us changes ours")
	}
	f.clock.Advance(2 * time.Hour)
	if !f.answer(need).Certificates["a"].Owned || !slices.Equal(news, []string{"a.example.com"}) {
		t.Errorf("tags are not read again, news %v", news)
	}
}

func (s *shownTrust) DescribeCertificate(_ context.Context, in *acm.DescribeCertificateInput, _ ...func(*acm.Options)) (
	*acm.DescribeCertificateOutput, error) {
	c, there := s.shown[*in.CertificateArn]
	if !there {
		return nil, &smithy.GenericAPIError{Code: "ResourceNotFoundException", Message: "no such certificate"}
	}
	return &acm.DescribeCertificateOutput{Certificate: &acmtypes.CertificateDetail{CertificateArn: in.CertificateArn,
		Status: c.Status, Type: c.Type, DomainName: c.DomainName,
		SubjectAlternativeNames: c.SubjectAlternativeNameSummaries}}, nil
}

func TestWhatWasImportedLastIsKnownWhateverBecameOfItsTag(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	s := &shownTrust{shown: map[string]acmtypes.CertificateSummary{}, tags: map[string][]acmtypes.Tag{}}
	f.inv = inventory.New(awsclient.Clients{ELBV2: f.sim.Balancing, EC2: f.sim.Compute, ACM: s}, inventory.Config{
		Cluster: cluster, VPC: vpc, Now: f.clock.Now, AddOnTimeout: time.Minute, ImportCertificates: true})
	k := key(stack.Ingress, "web")
	tags := tracking("web")
	tags["ingress.k8s.aws/resource"] = "x"
	secret := func(hash, name string) stack.Certificate {
		return stack.Certificate{ID: "x", Domain: name, Names: []string{name}, Tags: tags, Import: &stack.KeyPair{Hash: hash}}
	}
	own := func() []awsop.Certificate {
		return must[awsop.Observed](t)(f.inv.Observed(t.Context(), k, &stack.Stack{Key: k, Certificates: []stack.Certificate{
			secret("h", "a.example.com")}})).Certificates
	}
	if got := own(); len(got) > 0 {
		t.Fatalf("%+v", got)
	}
	f.inv.Record(k, awsop.ImportCertificate{Certificate: secret("h1", "a.example.com")}, awsop.Output{
		ID: "arn"}, literally)
	if got := own(); len(got) != 1 || got[0].Content != "h1" || got[0].ID != "x" || got[0].Status != "ISSUED" ||
		!got[0].Imported || got[0].Import != nil {
		t.Errorf("%+v", got)
	}
	f.inv.Record(k, awsop.ImportCertificate{Certificate: secret("h2", "b.example.com"),
		At: stack.Literal(stack.KindCertificate, "arn")}, awsop.Output{}, literally)
	if got := own(); len(got) != 1 || got[0].Content != "h2" || !slices.Equal(got[0].Names, []string{"b.example.com"}) {
		t.Errorf("%+v", got)
	}
	if got := f.answer(facts.Need{Kind: facts.NeedOwnCertificates, Key: k.String()}); !got.OwnKnown || len(got.Own) != 1 ||
		got.Own[0].ARN != "arn" || !got.Own[0].Issued() || got.ImportsLastYear != 2 {
		t.Errorf("%+v", got)
	}
	if c := f.answer(facts.Need{Kind: facts.NeedCertificates}).Certificates["arn"]; !c.Owned ||
		!slices.Equal(c.Domains, []string{"b.example.com"}) || c.Type != "IMPORTED" {
		t.Errorf("%+v", c)
	}
	if wait := f.inv.Certificates().Wait(k); wait != 0 {
		t.Errorf("waits %v for what is issued", wait)
	}
	f.inv.Record(k, awsop.DeleteCertificate{Certificate: stack.Literal(stack.KindCertificate, "arn")},
		awsop.Output{}, literally)
	if got := own(); len(got) > 0 || f.inv.Certificates().ImportsLastYear() != 2 {
		t.Errorf("%+v, %d imports", got, f.inv.Certificates().ImportsLastYear())
	}
}

func TestARequestedCertificateIsLookedAtUntilItIsIssued(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	s := &shownTrust{shown: map[string]acmtypes.CertificateSummary{}, tags: map[string][]acmtypes.Tag{}}
	f.inv = inventory.New(awsclient.Clients{ELBV2: f.sim.Balancing, EC2: f.sim.Compute, ACM: s}, inventory.Config{
		Cluster: cluster, VPC: vpc, Now: f.clock.Now, AddOnTimeout: time.Minute, RequestCertificates: true})
	k, other := key(stack.Ingress, "web"), key(stack.Ingress, "other")
	tags := tracking("web")
	tags["ingress.k8s.aws/resource"] = "x"
	desired := &stack.Stack{Key: k, Certificates: []stack.Certificate{
		{ID: "x", Domain: "a.example.com", Names: []string{"a.example.com"}}}}
	own := func() []awsop.Certificate {
		return must[awsop.Observed](t)(f.inv.Observed(t.Context(), k, desired)).Certificates
	}
	own()
	f.inv.Record(k, awsop.RequestCertificate{Certificate: stack.Certificate{ID: "x", Domain: "a.example.com",
		Names: []string{"a.example.com"}, Tags: tags}}, awsop.Output{ID: "arn"}, literally)
	s.show("arn", "PENDING_VALIDATION", "a.example.com")
	for age, want := range map[time.Duration]time.Duration{0: time.Second, 20 * time.Second: 5 * time.Second,
		2 * time.Minute: 15 * time.Second, 6 * time.Minute: time.Minute} {
		g := newFixture(t)
		g.inv = inventory.New(awsclient.Clients{ELBV2: g.sim.Balancing, EC2: g.sim.Compute, ACM: s}, inventory.Config{
			Cluster: cluster, VPC: vpc, Now: g.clock.Now, AddOnTimeout: time.Minute, RequestCertificates: true})
		must[awsop.Observed](t)(g.inv.Observed(t.Context(), k, nil))
		g.inv.Record(k, awsop.RequestCertificate{Certificate: stack.Certificate{ID: "x", Domain: "a.example.com",
			Tags: tags}}, awsop.Output{ID: "arn"}, literally)
		g.clock.Advance(age)
		if got := g.inv.Certificates().Wait(k); got != want {
			t.Errorf("after %v waits %v, want %v", age, got, want)
		}
		if got := g.inv.Certificates().Wait(other); got != 0 {
			t.Errorf("another stack waits %v", got)
		}
	}
	if got := own(); len(got) != 1 || got[0].Status != facts.Pending || got[0].Overdue {
		t.Errorf("%+v", got)
	}
	s.show("arn", "ISSUED", "a.example.com")
	f.clock.Advance(time.Second)
	if got := own(); len(got) != 1 || got[0].Status != "ISSUED" || f.inv.Certificates().Wait(k) != 0 {
		t.Errorf("%+v", got)
	}
	if c := f.answer(facts.Need{Kind: facts.NeedCertificates}).Certificates["arn"]; c.Status != "ISSUED" || !c.Owned {
		t.Errorf("%+v", c)
	}
}

func TestACertificateThatVanishedIsNobodys(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	s := &shownTrust{shown: map[string]acmtypes.CertificateSummary{}, tags: map[string][]acmtypes.Tag{}}
	f.inv = inventory.New(awsclient.Clients{ELBV2: f.sim.Balancing, EC2: f.sim.Compute, ACM: s}, inventory.Config{
		Cluster: cluster, VPC: vpc, Now: f.clock.Now, AddOnTimeout: time.Minute, RequestCertificates: true})
	k := key(stack.Ingress, "web")
	tags := tracking("web")
	own := func() []awsop.Certificate {
		return must[awsop.Observed](t)(f.inv.Observed(t.Context(), k, nil)).Certificates
	}
	own()
	f.inv.Record(k, awsop.RequestCertificate{Certificate: stack.Certificate{ID: "x", Domain: "a.example.com", Tags: tags}},
		awsop.Output{ID: "arn"}, literally)
	f.clock.Advance(time.Second)
	if got := own(); len(got) > 0 { // somebody deleted it at once
		t.Errorf("%+v", got)
	}
	if c, there := f.answer(facts.Need{Kind: facts.NeedCertificates}).Certificates["arn"]; there {
		t.Errorf("%+v", c)
	}
}

// TestEndsOutliveLists has a certificate expire, and lists that lack it for other reasons.
func TestEndsOutliveLists(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	s := &shownTrust{shown: map[string]acmtypes.CertificateSummary{}}
	f.inv = inventory.New(awsclient.Clients{ELBV2: f.sim.Balancing, EC2: f.sim.Compute, ACM: s}, inventory.Config{
		Cluster: cluster, VPC: vpc, Now: f.clock.Now, AddOnTimeout: time.Minute})
	c := f.inv.Certificates()
	show := func(status acmtypes.CertificateStatus, end time.Time) {
		s.show("a", status, "a.example.com")
		shown := s.shown["a"]
		shown.NotAfter = aws.Time(end)
		s.shown["a"] = shown
	}
	end := f.clock.Now().Add(time.Hour)
	for _, step := range []struct {
		name   string
		change func()
		want   int
	}{
		{"issued", func() { show("ISSUED", end) }, 1},
		{"expired", func() { show("EXPIRED", end) }, 1},
		{"an empty page", func() { delete(s.shown, "a") }, 1},
		{"a denied list", func() { s.refused = "AccessDeniedException" }, 1},
		{"renewed", func() { s.refused, end = "", f.clock.Now().Add(24*time.Hour); show("ISSUED", end) }, 1},
		{"gone for long", func() { delete(s.shown, "a"); f.clock.Advance(60 * 24 * time.Hour) }, 0},
	} {
		step.change()
		f.clock.Advance(time.Minute)
		if err := c.ReadEnds(t.Context(), 0); (err != nil) != (s.refused != "") {
			t.Errorf("%s: %v", step.name, err)
		}
		got := c.Ends([]string{"a", "b"})
		if len(got) != step.want || step.want > 0 && !got[0].NotAfter.Equal(end) {
			t.Errorf("%s: %v, not %s", step.name, got, end)
		}
	}
	calls := s.calls
	if err := c.ReadEnds(t.Context(), time.Hour); err != nil || s.calls != calls {
		t.Errorf("%v, %d calls for what is known", err, s.calls-calls)
	}
}
