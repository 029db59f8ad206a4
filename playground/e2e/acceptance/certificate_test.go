package acceptance

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	acmtypes "github.com/aws/aws-sdk-go-v2/service/acm/types"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// Certificates of every playground's account.
const (
	// example.com and *.example.com
	wildcard = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-000000000001"
	shop     = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de002-0000-4000-8000-000000000002" // shop.example.com
	api      = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de003-0000-4000-8000-000000000003" // api.example.org
)

// served waits until requests for a host are answered by web, with a certificate that covers it: of several AWS chooses
// one.
func served(t *testing.T, c *harness.Cluster, lb simclient.LoadBalancer, host string) {
	t.Helper()
	_, parent, _ := strings.Cut(host, ".")
	covers := func(name string) bool { return name == host || name == "*."+parent }
	c.WaitFor(t, "the certificate of "+host, func(ctx context.Context) error {
		r, err := c.Get(ctx, "https://"+lb.DNSName+"/", host)
		if err == nil && (r.Status != 200 || r.Pod.Service != "web" || !slices.ContainsFunc(r.TLS, covers)) {
			err = fmt.Errorf("got %d from service %q with certificate %v", r.Status, r.Pod.Service, r.TLS)
		}
		return err
	})
}

// TestCertificatesAreFoundByTheHostsOfTheIngress shows that clients get the certificate that the
// controller found in ACM for the host, also after the host changes.
func TestCertificatesAreFoundByTheHostsOfTheIngress(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	const ns = "discovered"
	https := public(scene.Annotations{"listen-ports": `[{"HTTPS":443}]`})
	c.Apply(t, scene.Namespace(ns, 1)+scene.Ingress(ns, "web", scene.Class, https, scene.Path{Host: "shop.example.com",
		Path: "/"}))
	lb := check(t, c, ns, "web", balancer{listeners: []string{"HTTPS 443"}, groups: []string{"ip HTTP 1, 1 targets"}})
	certificates := func(want ...string) {
		t.Helper()
		wait(t, c, "certificates", func() string {
			got := slices.Sorted(slices.Values(c.LoadBalancer(t, lb.Name).Listeners[0].Certificates))
			if !slices.Equal(got, want) {
				return fmt.Sprintf("they are %v, want %v", got, want)
			}
			return ""
		})
	}
	certificates(wildcard, shop)
	served(t, c, lb, "shop.example.com")
	// Another host needs another certificate, and one without a certificate gets an event.
	scene.Change(t, c, scene.Ingress(ns, "web", scene.Class, https, scene.Path{Host: "api.example.org", Path: "/"}))
	certificates(api)
	served(t, c, lb, "api.example.org")
	expectNoWarnings(t, c, ns)
	scene.Change(t, c, scene.Ingress(ns, "web", scene.Class, https, scene.Path{Host: "nobody.example.net", Path: "/"}))
	if e := c.WaitEvent(t, "Ingress", ns, "web", "FailedBuildModel"); !strings.Contains(e.Message,
		"no certificate found for host: nobody.example.net") {
		t.Errorf("the event: %s", e.Message)
	}
}

// owned lists the certificates of ACM that have the tag of the stack.
func owned(t *testing.T, c *harness.Cluster, stack string) []acmtypes.CertificateDetail {
	t.Helper()
	list, err := c.Simulator.Trust.ListCertificates(t.Context(), &acm.ListCertificatesInput{})
	if err != nil {
		t.Fatal(err)
	}
	var out []acmtypes.CertificateDetail
	for _, s := range list.CertificateSummaryList {
		tags, err := c.Simulator.Trust.ListTagsForCertificate(t.Context(), &acm.ListTagsForCertificateInput{
			CertificateArn: s.CertificateArn})
		if err != nil {
			continue // deleted meanwhile
		}
		of := func(tag acmtypes.Tag) bool {
			return *tag.Key == "ingress.k8s.aws/stack" && aws.ToString(tag.Value) == stack
		}
		if !slices.ContainsFunc(tags.Tags, of) {
			continue
		}
		if d, err := c.Simulator.Trust.DescribeCertificate(t.Context(), &acm.DescribeCertificateInput{
			CertificateArn: s.CertificateArn}); err == nil {
			out = append(out, *d.Certificate)
		}
	}
	return out
}

// TestRequestedCertificatesServe shows that clients get a certificate that the controller requested
// and validated through Route 53, with a wildcard or from a private authority. These are cases 21
// to 23.
func TestRequestedCertificatesServe(t *testing.T) {
	if testing.Short() {
		t.Skip("a variant of TestCertificatesAreFoundByTheHostsOfTheIngress, which make test runs")
	}
	t.Parallel()
	c := cluster(t)
	const ns, zone = "certified", "certified.dev"
	const authority = "arn:aws:acm-pca:us-west-2:123456789012:certificate-authority/11111111-1111-4111-8111-111111111111"
	c.Zone(t, zone)
	c.Apply(t, scene.Namespace(ns, 1))
	for _, row := range []struct {
		name, ingress string
		hosts         []string // as in rules
		asks          []string
		authority     string
		domain        string
	}{
		{"21 for a host in a zone of Route 53", "one", []string{"www." + zone}, []string{"www." + zone}, "", "www." + zone},
		{"22 for a wildcard and its parent", "wildcard", []string{"*." + zone, zone}, []string{"any." + zone, zone}, "",
			"*." + zone},
		{"23 of a private authority", "private", []string{"www.nowhere.internal"}, []string{"www.nowhere.internal"},
			authority, "www.nowhere.internal"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			annotations := public(scene.Annotations{"create-acm-cert": "true", "listen-ports": `[{"HTTP":80},{"HTTPS":443}]`})
			kind := acmtypes.CertificateTypeAmazonIssued
			if row.authority != "" {
				annotations["acm-pca-arn"], kind = row.authority, acmtypes.CertificateTypePrivate
			}
			var paths []scene.Path
			for _, h := range row.hosts {
				paths = append(paths, scene.Path{Host: h, Path: "/"})
			}
			c.Apply(t, scene.Ingress(ns, row.ingress, scene.Class, annotations, paths...))
			lb := check(t, c, ns, row.ingress, balancer{listeners: []string{"HTTP 80", "HTTPS 443"}, groups: []string{
				"ip HTTP 1, 1 targets"}})
			for _, host := range row.asks {
				served(t, c, lb, host)
				c.WaitGet(t, url(lb, "/"), host, 200, "web")
			}
			all := owned(t, c, ns+"/"+row.ingress)
			if len(all) != 1 {
				t.Fatalf("certificates: %+v", all)
			}
			d := all[0]
			if d.Status != acmtypes.CertificateStatusIssued || !slices.Equal(d.InUseBy, []string{lb.ARN}) ||
				*d.DomainName != row.domain || d.Type != kind || aws.ToString(d.CertificateAuthorityArn) != row.authority {
				t.Errorf("certificate: %+v", d)
			}
		})
	}
}
