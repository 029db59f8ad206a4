package awssim

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	acmtypes "github.com/aws/aws-sdk-go-v2/service/acm/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/pki"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/seed"
	"github.com/k8s-lbc/lbc/internal/lib/sdkhttp"
)

const exampleZone = "Z0A1DE00000001" // example.com. of the built-in account

// names is a Route 53 client of the simulator.
func (s *served) names() *route53.Client {
	return route53.New(route53.Options{
		Region: s.Account.Region, BaseEndpoint: aws.String(s.url), HTTPClient: sdkhttp.Client(s.http),
		Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "secret", ""), Retryer: aws.NopRetryer{},
	})
}

// upsert puts one record set into the example zone.
func (s *served) upsert(t *testing.T, set types.ResourceRecordSet) {
	t.Helper()
	wanted(s.names().ChangeResourceRecordSets(t.Context(), &route53.ChangeResourceRecordSetsInput{
		HostedZoneId: aws.String(exampleZone), ChangeBatch: &types.ChangeBatch{
			Changes: []types.Change{{Action: "UPSERT", ResourceRecordSet: &set}}},
	}))(t)
}

func TestACertificateIsIssuedOnceRoute53HasItsRecord(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	c := clock.NewStepped(time.Unix(1_700_000_000, 0))
	s := serve(t, Options{Clock: c, Profile: account.Real()})
	arn := wanted(s.trust.RequestCertificate(ctx, &acm.RequestCertificateInput{
		DomainName: aws.String("new.example.com"), SubjectAlternativeNames: []string{"*.new.example.com"},
		ValidationMethod: "DNS",
	}))(t).CertificateArn
	describe := func() *acmtypes.CertificateDetail {
		t.Helper()
		return wanted(s.trust.DescribeCertificate(ctx, &acm.DescribeCertificateInput{CertificateArn: arn}))(t).Certificate
	}
	c.Advance(time.Hour)
	d := describe()
	if d.Status != acmtypes.CertificateStatusPendingValidation {
		t.Fatalf("without a record: %s", d.Status)
	}
	record := d.DomainValidationOptions[0].ResourceRecord
	s.upsert(t, types.ResourceRecordSet{
		Name: record.Name, Type: types.RRType(record.Type), TTL: aws.Int64(60), ResourceRecords: []types.ResourceRecord{
			{Value: record.Value}},
	})
	c.Advance(s.Account.Profile.RecordSync + s.Account.Profile.CertificateIssue)
	if d = describe(); d.Status != acmtypes.CertificateStatusIssued || d.IssuedAt == nil {
		t.Errorf("with the record: %s", d.Status)
	}
}

func TestAnAliasLeadsToItsLoadBalancerInEveryView(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{DataPlane: true})
	w := s.web(t)
	w.allow(t, 80)
	w.listen(t, elb.CreateListenerInput{Protocol: "HTTP", Port: aws.Int32(80)})
	lb := wanted(s.balancing.DescribeLoadBalancers(t.Context(), nil))(t).LoadBalancers[0]
	s.upsert(t, types.ResourceRecordSet{
		Name: aws.String("shop.example.com"), Type: "A",
		AliasTarget: &types.AliasTarget{HostedZoneId: lb.CanonicalHostedZoneId, DNSName: lb.DNSName,
			EvaluateTargetHealth: false},
	})
	here := wanted(s.dns.Resolver().LookupNetIP(t.Context(), "ip4", "shop.example.com"))(t)
	if len(here) != 1 || here[0].Unmap() != s.Endpoints()[0].Address {
		t.Errorf("on this machine: %v", here)
	}
	inside := wanted(s.ResolveFrom("shop.example.com", netip.MustParseAddr("10.0.128.10")))(t)
	var nodes []netip.Addr
	for _, z := range s.Resources().LoadBalancers[0].Zones {
		nodes = append(nodes, z.Public)
	}
	slices.SortFunc(inside, netip.Addr.Compare)
	slices.SortFunc(nodes, netip.Addr.Compare)
	if len(nodes) != 3 || !slices.Equal(inside, nodes) {
		t.Errorf("in the VPC: %v, want %v", inside, nodes)
	}
}

func TestAnImportedCertificateIsServedAndAReplacementFollows(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := serve(t, Options{DataPlane: true})
	w := s.web(t)
	w.allow(t, 443)
	var authority pki.Authority
	roots := wanted(authority.Pool())(t)
	take := func(arn *string) *string {
		t.Helper()
		pair := wanted(authority.Issue([]string{"imported.example.org"}, pki.ECPrime256v1))(t)
		block := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
		return wanted(s.trust.ImportCertificate(ctx, &acm.ImportCertificateInput{
			CertificateArn: arn, Certificate: block("CERTIFICATE", pair.Certificate[0]), CertificateChain: block("CERTIFICATE",
				pair.Certificate[1]),
			PrivateKey: block("PRIVATE KEY", wanted(x509.MarshalPKCS8PrivateKey(pair.PrivateKey))(t)),
		}))(t).CertificateArn
	}
	arn := take(nil)
	w.listen(t, elb.CreateListenerInput{Protocol: "HTTPS", Port: aws.Int32(443), Certificates: []elbtypes.Certificate{
		{CertificateArn: arn}}})
	serial := func() string {
		t.Helper()
		transport := &http.Transport{DialContext: s.DialContext, TLSClientConfig: &tls.Config{
			RootCAs: roots, ServerName: "imported.example.org", MinVersion: tls.VersionTLS12}}
		defer transport.CloseIdleConnections()
		req := wanted(http.NewRequestWithContext(ctx, http.MethodGet, "https://"+w.dnsName, nil))(t)
		resp := wanted(transport.RoundTrip(req))(t)
		_ = resp.Body.Close()
		return resp.TLS.PeerCertificates[0].SerialNumber.String()
	}
	before := serial()
	take(arn)
	if after := serial(); after == before {
		t.Errorf("still the certificate with the serial number %s", before)
	}
}

func TestTheAccountFileDescribesHostedZonesWithRecords(t *testing.T) {
	t.Parallel()
	f := seed.Default()
	f.HostedZones[0].Records = []seed.Record{
		{Name: "db.example.com", Type: "CNAME", Values: []string{"db.example.net"}}, {Name: "example.com", Type: "TXT",
			TTL: 60, Values: []string{`"hello"`}},
	}
	f.HostedZones = append(f.HostedZones, seed.HostedZone{ID: "Z0A1DE00000002", Name: "corp.internal", Private: true})
	s := serve(t, Options{Seed: &f, Profile: account.Real(), Clock: clock.NewStepped(time.Unix(1_700_000_000, 0))})
	list := wanted(s.names().ListResourceRecordSets(t.Context(), &route53.ListResourceRecordSetsInput{
		HostedZoneId: aws.String(exampleZone)}))(t)
	var names []string
	for _, r := range list.ResourceRecordSets {
		names = append(names, *r.Name+" "+string(r.Type))
	}
	if want := "example.com. NS, example.com. SOA, example.com. TXT, db.example.com. CNAME"; strings.Join(names,
		", ") != want {
		t.Errorf("got %s, want %s", strings.Join(names, ", "), want)
	}
	if zones := wanted(s.names().ListHostedZones(t.Context(), nil))(t).HostedZones; len(zones) != 2 {
		t.Errorf("got %d zones", len(zones))
	}
	f.HostedZones[0].Records = []seed.Record{{Name: "a.example.net", Type: "A", Values: []string{"192.0.2.1"}}}
	if _, err := New(Options{Seed: &f}); err == nil {
		t.Error("a record outside of its zone was taken")
	}
}
