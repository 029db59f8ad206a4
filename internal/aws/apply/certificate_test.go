package apply_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	acmtypes "github.com/aws/aws-sdk-go-v2/service/acm/types"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	route53types "github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
)

const authority = "arn:aws:acm-pca:us-west-2:123456789012:certificate-authority/00000000-0000-4000-8000-000000000001"

// certified is a world with public zone certified.dev whose stacks may own certificates.
type certified struct{ *world }

func newCertified(t *testing.T) certified {
	t.Helper()
	w := certified{newWorld(t, account.Profile{CertificateIssue: time.Minute, PrivateCertificateIssue: time.Second})}
	w.zone("certified.dev", false)
	w.zone("certified.dev", true) // a private one of the same name, which nobody outside asks
	w.ownCertificates = true
	w.restart()
	return w
}

func (w certified) zone(name string, private bool) {
	w.t.Helper()
	in := &route53.CreateHostedZoneInput{Name: aws.String(name), CallerReference: aws.String(name)}
	if private {
		in.CallerReference = aws.String(name + " private")
		in.HostedZoneConfig = &route53types.HostedZoneConfig{PrivateZone: true}
		in.VPC = &route53types.VPC{VPCId: aws.String(testVPC), VPCRegion: route53types.VPCRegionUsWest2}
	}
	if _, err := w.sim.Names.CreateHostedZone(w.t.Context(), in); err != nil {
		w.t.Fatal(err)
	}
}

// requesting is a stack that owns a requested certificate, and nothing else.
func requesting(name, ca string, names ...string) *stack.Stack {
	s := &stack.Stack{Key: stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: name}},
		Cluster: testCluster, VPC: testVPC}
	if len(names) == 0 {
		s.Removal = stack.ObjectsDeleted
	} else {
		id := naming.CertificateID(ca != "", names[0], "shop", name)
		s.Certificates = []stack.Certificate{{
			ID: id, Domain: names[0], Names: names, Authority: ca, Tags: naming.Tracking(stack.Ingress, testCluster,
				"shop/"+name, id),
		}}
	}
	return s
}

// certificates lists what ACM holds for a stack.
func (w certified) certificates(of *stack.Stack) []acmtypes.CertificateDetail {
	w.t.Helper()
	out, err := w.sim.Trust.ListCertificates(w.t.Context(), &acm.ListCertificatesInput{})
	if err != nil {
		w.t.Fatal(err)
	}
	var all []acmtypes.CertificateDetail
	for _, s := range out.CertificateSummaryList {
		tags, err := w.sim.Trust.ListTagsForCertificate(w.t.Context(), &acm.ListTagsForCertificateInput{
			CertificateArn: s.CertificateArn})
		if err != nil {
			w.t.Fatal(err)
		}
		for _, tag := range tags.Tags {
			if *tag.Key != naming.StackTag(stack.Ingress) || aws.ToString(tag.Value) != of.Key.ID.String() {
				continue
			}
			d, err := w.sim.Trust.DescribeCertificate(w.t.Context(), &acm.DescribeCertificateInput{
				CertificateArn: s.CertificateArn})
			if err != nil {
				w.t.Fatal(err)
			}
			all = append(all, *d.Certificate)
		}
	}
	return all
}

// one is the only certificate of a stack.
func (w certified) one(of *stack.Stack) acmtypes.CertificateDetail {
	w.t.Helper()
	all := w.certificates(of)
	if len(all) != 1 {
		w.t.Fatalf("%d certificates of %s, want one", len(all), of.Key)
	}
	return all[0]
}

// records lists the validation records in the public zone.
func (w certified) records() []string {
	w.t.Helper()
	w.sim.Account.Lock()
	defer w.sim.Account.Unlock()
	var out []string
	for _, z := range w.sim.Account.HostedZones {
		for _, r := range z.Records() {
			if r.Type == "CNAME" && strings.HasPrefix(r.Name, "_") {
				out = append(out, r.Name)
			}
		}
	}
	slices.Sort(out)
	return out
}

func TestRequestedCertificateIsDeletedWithRecords(t *testing.T) {
	t.Parallel()
	w := newCertified(t)
	want := requesting("web", "", "*.certified.dev", "certified.dev", "www.certified.dev")
	w.settle(want)
	if c := w.one(want); c.Status != acmtypes.CertificateStatusPendingValidation || *c.DomainName != "*.certified.dev" ||
		len(c.SubjectAlternativeNames) != 3 {
		t.Fatalf("requested: %s %s %v", c.Status, *c.DomainName, c.SubjectAlternativeNames)
	}
	if r := w.records(); len(r) != 2 { // the wildcard shares its apex's record
		t.Fatalf("records %v", r)
	}
	if w.inv.Certificates().Wait(want.Key) == 0 {
		t.Error("nobody looks at the pending certificate again")
	}
	w.clock.Advance(2 * time.Minute)
	w.settle(want)
	if c := w.one(want); c.Status != acmtypes.CertificateStatusIssued {
		t.Fatalf("not issued: %s", c.Status)
	}
	if w.inv.Certificates().Wait(want.Key) != 0 {
		t.Error("an issued certificate is waited for")
	}
	// Nothing changes, nothing is asked.
	w.sim.Gate.Reset()
	w.settle(want)
	if calls := w.sim.Gate.Calls(gate.Filter{}); len(calls) != 0 {
		t.Errorf("an idle pass made %d calls, first %s", len(calls), calls[0].Action)
	}
	w.settle(requesting("web", ""))
	if all, r := w.certificates(want), w.records(); len(all)+len(r) != 0 {
		t.Errorf("left: %d certificates, records %v", len(all), r)
	}
}

func TestAValidationRecordStaysWhileAnotherCertificateNeedsIt(t *testing.T) {
	t.Parallel()
	w := newCertified(t)
	a, b := requesting("a", "", "www.certified.dev"), requesting("b", "", "api.certified.dev", "www.certified.dev")
	w.settle(a)
	w.settle(b)
	w.clock.Advance(2 * time.Minute)
	w.settle(a)
	w.settle(b)
	w.settle(requesting("a", ""))
	if r := w.records(); len(r) != 2 || len(w.certificates(a)) != 0 {
		t.Fatalf("records %v, certificates %d", r, len(w.certificates(a)))
	}
	// A restart does not forget whose records are whose.
	w.restart()
	w.settle(requesting("b", ""))
	if r := w.records(); len(r) != 0 {
		t.Errorf("records left: %v", r)
	}
}

// putRecord creates the validation record of a name, or replaces it.
func (w certified) putRecord(name string, ttl int64) {
	w.t.Helper()
	w.sim.Account.Lock()
	record, value := w.sim.Account.ValidationRecord(name)
	zone := ""
	for _, z := range w.sim.Account.HostedZones {
		if !z.Private && strings.HasPrefix(z.Name, "certified.dev") {
			zone = z.ID
		}
	}
	w.sim.Account.Unlock()
	if _, err := w.sim.Names.ChangeResourceRecordSets(w.t.Context(), &route53.ChangeResourceRecordSetsInput{
		HostedZoneId: aws.String(zone), ChangeBatch: &route53types.ChangeBatch{Changes: []route53types.Change{{
			Action: route53types.ChangeActionUpsert, ResourceRecordSet: &route53types.ResourceRecordSet{
				Name: aws.String(record), Type: route53types.RRTypeCname, TTL: aws.Int64(ttl),
				ResourceRecords: []route53types.ResourceRecord{{Value: aws.String(value)}}}}}},
	}); err != nil {
		w.t.Fatal(err)
	}
}

// lives are the times to live of the validation records, by name.
func (w certified) lives() map[string]int64 {
	w.t.Helper()
	w.sim.Account.Lock()
	defer w.sim.Account.Unlock()
	out := map[string]int64{}
	for _, z := range w.sim.Account.HostedZones {
		for _, r := range z.Records() {
			if r.Type == "CNAME" && strings.HasPrefix(r.Name, "_") {
				out[r.Name] = r.TTL
			}
		}
	}
	return out
}

// TestRecordsOfOthersStay has people, or a controller in another Region, create validation records before a certificate
// is requested: their certificates need them as long as those exist.
func TestRecordsOfOthersStay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		names, theirs []string
	}{
		"the only one":       {[]string{"www.certified.dev"}, []string{"www.certified.dev"}},
		"one of several":     {[]string{"api.certified.dev", "www.certified.dev"}, []string{"www.certified.dev"}},
		"that of a wildcard": {[]string{"*.certified.dev", "api.certified.dev"}, []string{"certified.dev"}},
		"none":               {[]string{"www.certified.dev"}, nil},
	} {
		for _, ttl := range []int64{60, 300, 1234} {
			t.Run(fmt.Sprint(name, " ", ttl), func(t *testing.T) {
				t.Parallel()
				w := newCertified(t)
				for _, n := range c.theirs {
					w.putRecord(n, ttl)
				}
				before := w.lives()
				want := requesting("web", "", c.names...)
				w.settle(want)
				w.clock.Advance(2 * time.Minute)
				w.settle(want)
				if cert := w.one(want); cert.Status != acmtypes.CertificateStatusIssued {
					t.Fatalf("it is %s", cert.Status)
				}
				now := w.lives()
				for n, ttl := range before {
					if now[n] != ttl {
						t.Errorf("record %s of others has %d seconds, had %d", n, now[n], ttl)
					}
				}
				if len(now) != len(c.names) {
					t.Errorf("records %v", now)
				}
				w.restart()
				w.settle(requesting("web", ""))
				if d := cmp.Diff(before, w.lives()); d != "" || len(w.certificates(want)) != 0 {
					t.Errorf("after the certificate (-want +got):\n%s", d)
				}
			})
		}
	}
}

// TestLostAnswerAboutRecordsLosesNone has the answer to the creation of records be lost: they are created again.
func TestLostAnswerAboutRecordsLosesNone(t *testing.T) {
	t.Parallel()
	w := newCertified(t)
	want := requesting("web", "", "api.certified.dev", "www.certified.dev")
	w.settle(want)
	w.restart() // it does not know that the records exist
	w.settle(want)
	w.clock.Advance(2 * time.Minute)
	w.settle(want)
	if cert := w.one(want); cert.Status != acmtypes.CertificateStatusIssued {
		t.Fatalf("it is %s", cert.Status)
	}
	w.settle(requesting("web", ""))
	if r := w.records(); len(r) != 0 {
		t.Errorf("records left: %v", r)
	}
}

func TestOtherNamesOrAnotherAuthorityMeanANewCertificate(t *testing.T) {
	t.Parallel()
	w := newCertified(t)
	first := requesting("web", "", "www.certified.dev")
	w.settle(first)
	w.clock.Advance(2 * time.Minute)
	w.settle(first)
	before := *w.one(first).CertificateArn

	more := requesting("web", "", "www.certified.dev", "zzz.certified.dev")
	w.settle(more)
	w.clock.Advance(2 * time.Minute)
	w.settle(more)
	c := w.one(more)
	if *c.CertificateArn == before || len(c.SubjectAlternativeNames) != 2 {
		t.Errorf("names %v of %s, before %s", c.SubjectAlternativeNames, *c.CertificateArn, before)
	}
	if r := w.records(); len(r) != 2 { // the new certificate needs the old one's record
		t.Errorf("records %v", r)
	}

	private := requesting("web", authority, "www.certified.dev")
	w.settle(private)
	w.clock.Advance(time.Minute)
	w.settle(private)
	c = w.one(private)
	if aws.ToString(c.CertificateAuthorityArn) != authority || c.Status != acmtypes.CertificateStatusIssued ||
		len(w.records()) != 0 {
		t.Errorf("authority %s, status %s, records %v", aws.ToString(c.CertificateAuthorityArn), c.Status, w.records())
	}
	other := requesting("web", authority+"1", "www.certified.dev")
	w.settle(other)
	w.clock.Advance(time.Minute)
	w.settle(other)
	if c := w.one(other); aws.ToString(c.CertificateAuthorityArn) != authority+"1" {
		t.Errorf("another authority did not issue it anew: %s", aws.ToString(c.CertificateAuthorityArn))
	}
}

func TestPendingCertificateIsRequestedAgainIfUnawaited(t *testing.T) {
	t.Parallel()
	w := newCertified(t)
	w.sim.Account.Lock()
	w.sim.Account.Trouble.CertificatesStuck = true
	w.sim.Account.Unlock()
	want := requesting("web", "", "www.certified.dev")
	w.settle(want)
	first := *w.one(want).CertificateArn
	// An earlier life's that is young is waited for, by this one as long as by that.
	w.clock.Advance(4 * time.Minute)
	w.restart()
	w.settle(want)
	w.clock.Advance(25 * time.Minute)
	w.settle(want)
	if arn := *w.one(want).CertificateArn; arn != first {
		t.Fatalf("a certificate that is waited for was replaced by %s", arn)
	}
	// One that has been pending for minutes when a process finds it is not.
	w.restart()
	w.settle(want)
	second := *w.one(want).CertificateArn
	if second == first {
		t.Fatal("a stuck certificate stays for ever")
	}
	// Nor is one for which this process has waited in vain for long; but each time it takes longer.
	w.clock.Advance(31 * time.Minute)
	w.settle(want)
	third := *w.one(want).CertificateArn
	if third == second {
		t.Fatal("the process waits for ever")
	}
	w.clock.Advance(31 * time.Minute)
	w.settle(want)
	if arn := *w.one(want).CertificateArn; arn != third {
		t.Error("it is asked for at the same pace")
	}
}

func TestARequestThatIsRepeatedGivesTheSameCertificate(t *testing.T) {
	t.Parallel()
	w := newCertified(t)
	want := requesting("web", "", "www.certified.dev")
	p, _, err := w.pass(want, diff.Options{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	// The answer is lost, and the list does not show it yet.
	clients := w.clients()
	if _, err := awsclient.Write(t.Context(), clients, p.Steps[0].Op, nil); err != nil {
		t.Fatal(err)
	}
	w.one(want)
}

func TestACertificateThatIsUsedElsewhereStaysAndIsReported(t *testing.T) {
	t.Parallel()
	w := newCertified(t)
	want := requesting("web", authority, "www.certified.dev")
	w.settle(want)
	w.clock.Advance(time.Minute)
	w.settle(want)
	w.useElsewhere(*w.one(want).CertificateArn)
	failed := false
	for i := range 8 {
		p, r, err := w.pass(requesting("web", ""), diff.Options{}, 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range p.Steps {
			if o := r.Outcomes[s.ID]; o.Problem.Remedy != "" {
				failed = strings.Contains(o.Problem.Remedy, "detach the certificate")
			}
			if _, ok := s.Op.(awsop.DeleteCertificate); ok && i == 0 && r.Outcomes[s.ID].State != apply.Waiting {
				t.Errorf("%+v: a listener of ours may still be letting go of it", r.Outcomes[s.ID])
			}
		}
		w.clock.Advance(16 * time.Second)
	}
	if !failed || len(w.certificates(want)) != 1 {
		t.Errorf("told %t, %d certificates", failed, len(w.certificates(want)))
	}
}

// useElsewhere attaches a certificate to a load balancer that is not ours.
func (w certified) useElsewhere(arn string) {
	w.t.Helper()
	lb, err := w.sim.Balancing.CreateLoadBalancer(w.t.Context(), &elbv2.CreateLoadBalancerInput{
		Name: aws.String("theirs"), Subnets: []string{"subnet-0a1de0000000000a1", "subnet-0a1de0000000000b1"},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	_, err = w.sim.Balancing.CreateListener(w.t.Context(), &elbv2.CreateListenerInput{
		LoadBalancerArn: lb.LoadBalancers[0].LoadBalancerArn, Port: aws.Int32(443), Protocol: elbv2types.ProtocolEnumHttps,
		Certificates: []elbv2types.Certificate{{CertificateArn: aws.String(arn)}},
		DefaultActions: []elbv2types.Action{
			{Type: elbv2types.ActionTypeEnumFixedResponse, FixedResponseConfig: &elbv2types.FixedResponseActionConfig{
				StatusCode: aws.String("404")}}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
}
